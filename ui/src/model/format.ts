// Numbers as people read them.

const UNITS: [number, string][] = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
  [1, 'ns'],
];

/** Three digits that matter: `8.21 s`, `412 ms`, `1.5 µs`, `2 min 5 s`. Never rounded to nothing. */
export function formatDuration(nanos: number | bigint): string {
  const value = Number(nanos);
  if (value === 0) return '0 ms';
  if (value < 0) return `−${formatDuration(-value)}`;
  const seconds = value / 1e9;
  if (seconds >= 86_400) return two(seconds, 86_400, 'd', 3600, 'h');
  if (seconds >= 3600) return two(seconds, 3600, 'h', 60, 'min');
  if (seconds >= 99.95) return two(seconds, 60, 'min', 1, 's');
  const [size, unit] = UNITS.find(([one]) => value >= one * 0.9995) ?? [1, 'ns'];
  return `${significant(value / size)} ${unit}`;
}

function two(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  let whole = Math.floor(seconds / large);
  let rest = Math.round((seconds - whole * large) / small);
  if (rest * small >= large) {
    whole += 1;
    rest = 0;
  }
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}

function significant(value: number): string {
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(digits).replace(/\.?0+$/, match => (match.includes('.') ? '' : match));
}

/** `950`, `12.3 k`, `4.56 M`. */
export function formatCount(value: number): string {
  const absolute = Math.abs(value);
  for (const [size, unit] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (absolute >= size * 0.9995) return `${significant(value / size)} ${unit}`;
  }
  return Number.isInteger(value) ? String(value) : significant(value);
}

/** All digits, in groups: `1 234 567` with thin spaces, which no locale reads as a decimal point. */
export function formatWhole(value: number | bigint): string {
  return value.toString().replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

export function formatBytes(value: number): string {
  for (const [size, unit] of [
    [1 << 30, 'GiB'],
    [1 << 20, 'MiB'],
    [1 << 10, 'KiB'],
  ] as const) {
    if (value >= size) return `${significant(value / size)} ${unit}`;
  }
  return `${value} B`;
}

/** A share as a percentage; small ones do not vanish: `<0.1 %`. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return '0 %';
  const percent = (part / whole) * 100;
  if (percent < 0.1) return '<0.1 %';
  if (percent > 99.9 && part < whole) return '>99.9 %';
  return `${significant(percent)} %`;
}

/** `1 span`, `2 spans`. */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${formatWhole(count)} ${count === 1 ? noun : many}`;
}

/** `1,234` records: what is said of a total that may be a lower bound. */
export function formatTotal(total: { value: number; relation: 'eq' | 'gte' }): string {
  return `${total.relation === 'gte' ? '≥ ' : ''}${formatWhole(total.value)}`;
}
