// Moments with nanoseconds, ranges as they stand in an address, and what people type for them.

/** Nanoseconds since 1970. */
export type Nanos = bigint;

export type Zone = 'local' | 'utc';

/** As it stands in an address: `now-1h`, `now`, or RFC 3339. */
export interface Range {
  from: string;
  to: string;
}

/** What a range means at one moment; half-open. */
export interface Span {
  from: Nanos;
  to: Nanos;
}

export const DEFAULT_RANGE: Range = { from: 'now-1h', to: 'now' };

const UNITS: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};
export const SECOND = UNITS.s as bigint;
export const MINUTE = UNITS.m as bigint;
export const HOUR = UNITS.h as bigint;
export const DAY = UNITS.d as bigint;

export function nanosOfMillis(millis: number): Nanos {
  return BigInt(Math.round(millis)) * 1_000_000n;
}

export function millisOfNanos(nanos: Nanos): number {
  return Number(nanos / 1_000n) / 1_000;
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)$/i;

/** RFC 3339 with all its digits, or nothing. */
export function parseInstant(text: string): Nanos | undefined {
  const match = RFC_3339.exec(text.trim());
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second = '0', fraction = '', zone = 'Z'] = match;
  const millis = Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second);
  const check = new Date(millis);
  if (check.getUTCMonth() !== +month! - 1 || check.getUTCDate() !== +day! || +hour! > 23 || +minute! > 59)
    return undefined;
  let nanos = BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
  if (zone.toUpperCase() !== 'Z') {
    const minutes = +zone.slice(1, 3) * 60 + +(zone.slice(3).replace(':', '') || 0);
    nanos -= BigInt(zone.startsWith('-') ? -minutes : minutes) * MINUTE;
  }
  return nanos;
}

/** RFC 3339 in UTC with nine digits, trailing zeros of the fraction left out: for an address. */
export function writeInstant(nanos: Nanos): string {
  const seconds = nanos >= 0n ? nanos / SECOND : (nanos - SECOND + 1n) / SECOND;
  const fraction = (nanos - seconds * SECOND).toString().padStart(9, '0').replace(/0+$/, '');
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}${fraction ? `.${fraction}` : ''}Z`;
}

/** `now`, `now-15m`, RFC 3339, or unix seconds to nanoseconds by size. */
export function resolveMoment(text: string, now: Nanos): Nanos | undefined {
  const relative = /^now(?:([+-])(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w))?$/.exec(text.trim());
  if (relative) {
    const [, sign, amount, unit] = relative;
    if (!amount) return now;
    const distance = BigInt(Math.round(Number(amount) * 1000)) * (UNITS[unit!] as bigint);
    return sign === '-' ? now - distance / 1000n : now + distance / 1000n;
  }
  if (/^\d{9,19}$/.test(text)) {
    const scale = text.length <= 11 ? SECOND : text.length <= 14 ? 1_000_000n : text.length <= 17 ? 1_000n : 1n;
    return BigInt(text) * scale;
  }
  return parseInstant(text);
}

/** What the range means now; an unreadable end falls back to the default's. */
export function resolveRange(range: Range, now: Nanos): Span {
  const to = resolveMoment(range.to, now) ?? now;
  const from = resolveMoment(range.from, now) ?? to - HOUR;
  return from < to ? { from, to } : { from: to, to: from + 1n };
}

/** What is wrong with a range, in words; nothing when it can be read. */
export function rangeMistake(range: Range, now: Nanos): string | undefined {
  for (const [name, text] of [
    ['from', range.from],
    ['to', range.to],
  ] as const) {
    if (resolveMoment(text, now) === undefined) {
      return `cannot read ${name}=${text}: write now-15m or 2026-05-01T10:00:00Z`;
    }
  }
  const from = resolveMoment(range.from, now) as bigint;
  const to = resolveMoment(range.to, now) as bigint;
  return from < to ? undefined : 'the range ends before it starts';
}

/** Moments on the wall clock of a zone. */
function wall(nanos: Nanos, zone: Zone): Date {
  const date = new Date(Math.floor(millisOfNanos(nanos)));
  // A date whose UTC fields are the fields of the zone.
  return zone === 'utc' ? date : new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
}

function ofWall(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  zone: Zone,
): Nanos {
  const millis =
    zone === 'utc'
      ? Date.UTC(year, month, day, hour, minute, second)
      : new Date(year, month, day, hour, minute, second).getTime();
  return nanosOfMillis(millis);
}

/**
 * What people type into the time picker: `15m`, `last 2 hours`, `yesterday`, `today`, `14:00-14:20`,
 * `2026-05-01`, `2026-05-01 10:00 +02`, `2026-05-01 10:00 to 2026-05-01 11:00`, `now-6h to now-3h`.
 */
export function parseRange(text: string, now: Nanos, zone: Zone): Range | undefined {
  const typed = text.trim().replace(/\s+/g, ' ');
  const ago = /^(?:last |past |-)?(\d+(?:\.\d+)?) ?(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)$/i.exec(
    typed,
  );
  if (ago) return { from: `now-${ago[1]}${ago[2]![0]!.toLowerCase()}`, to: 'now' };
  const today = wall(now, zone);
  const day = (offset: number) =>
    ofWall(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate() + offset, 0, 0, 0, zone);
  if (/^today$/i.test(typed)) return { from: writeInstant(day(0)), to: 'now' };
  if (/^yesterday$/i.test(typed)) return { from: writeInstant(day(-1)), to: writeInstant(day(0)) };
  const clock = /^(\d\d?):(\d\d)(?::(\d\d))? ?(?:-|–|to|\.\.) ?(\d\d?):(\d\d)(?::(\d\d))?$/.exec(typed);
  if (clock) {
    const at = (hour: string, minute: string, second = '0') =>
      ofWall(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate(), +hour, +minute, +second, zone);
    const from = at(clock[1]!, clock[2]!, clock[3]);
    let to = at(clock[4]!, clock[5]!, clock[6]);
    if (to <= from) to += DAY;
    return { from: writeInstant(from), to: writeInstant(to) };
  }
  const wholeDay = /^(\d{4})-(\d\d)-(\d\d)$/.exec(typed);
  if (wholeDay) {
    const [, year, month, date] = wholeDay;
    const at = (offset: number) => ofWall(+year!, +month! - 1, +date! + offset, 0, 0, 0, zone);
    return { from: writeInstant(at(0)), to: writeInstant(at(1)) };
  }
  const two = /^(.+?) (?:to|until|–|-) (.+)$/.exec(typed) ?? /^(.+?)\.\.(.+)$/.exec(typed);
  const from = parseMoment(two ? two[1]! : typed, now, zone);
  const to = two ? parseMoment(two[2]!, now, zone) : 'now';
  if (!from || !to) return undefined;
  return rangeMistake({ from, to }, now) ? undefined : { from, to };
}

function parseMoment(text: string, now: Nanos, zone: Zone): string | undefined {
  if (text.startsWith('now')) return resolveMoment(text, now) === undefined ? undefined : text;
  const exact = resolveMoment(text, now);
  if (exact !== undefined) return writeInstant(exact);
  const bare = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d?):(\d\d)(?::(\d\d))?)?$/.exec(text);
  if (!bare) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0'] = bare;
  return writeInstant(ofWall(+year!, +month! - 1, +day!, +hour, +minute, +second, zone));
}

export const PRESETS: { label: string; range: Range }[] = [
  ['Last 5 minutes', 'now-5m'],
  ['Last 15 minutes', 'now-15m'],
  ['Last hour', 'now-1h'],
  ['Last 6 hours', 'now-6h'],
  ['Last 24 hours', 'now-24h'],
  ['Last 7 days', 'now-7d'],
].map(([label, from]) => ({ label: label!, range: { from: from!, to: 'now' } }));

/** How a range is called: `Last hour`, `Last 90m`, or its two ends. */
export function describeRange(range: Range, now: Nanos, zone: Zone): string {
  const preset = PRESETS.find(one => one.range.from === range.from && one.range.to === range.to);
  if (preset) return preset.label;
  const last = /^now-(\d+(?:\.\d+)?[a-zµ]+)$/.exec(range.from);
  if (last && range.to === 'now') return `Last ${last[1]}`;
  const span = resolveRange(range, now);
  const end = range.to === 'now' ? 'now' : undefined;
  const from = wall(span.from, zone);
  const to = wall(span.to, zone);
  const sameDay = from.toISOString().slice(0, 10) === to.toISOString().slice(0, 10);
  return `${formatInstant(span.from, zone, 'second')} – ${end ?? formatInstant(span.to, zone, 'second').slice(sameDay ? 11 : 0)}`;
}

/** The range moved by half its length, backwards or forwards; fixed in time. */
export function shiftRange(range: Range, now: Nanos, direction: -1 | 1): Range {
  const span = resolveRange(range, now);
  const step = ((span.to - span.from) / 2n) * BigInt(direction);
  return { from: writeInstant(span.from + step), to: writeInstant(span.to + step) };
}

/** Twice as long around the same middle; a range that ends now grows into the past. */
export function widenRange(range: Range, now: Nanos): Range {
  const span = resolveRange(range, now);
  const length = span.to - span.from;
  if (range.to === 'now') {
    const wider = [MINUTE * 15n, HOUR, HOUR * 6n, DAY, DAY * 7n, DAY * 30n].find(one => one > length) ?? length * 2n;
    return { from: `now-${shortDuration(wider)}`, to: 'now' };
  }
  return { from: writeInstant(span.from - length / 2n), to: writeInstant(span.to + length / 2n) };
}

function shortDuration(nanos: Nanos): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    const size = UNITS[unit] as bigint;
    if (nanos % size === 0n && !(unit === 'd' && nanos === DAY)) return `${nanos / size}${unit}`;
  }
  return `${nanos / SECOND}s`;
}

export type Precision = 'day' | 'minute' | 'second' | 'milli' | 'nano';

/** `2026-05-01 10:00:00.123456789` in the zone. */
export function formatInstant(nanos: Nanos, zone: Zone, precision: Precision = 'milli'): string {
  const text = wall(nanos, zone).toISOString();
  const date = text.slice(0, 10);
  if (precision === 'day') return date;
  return `${date} ${formatClock(nanos, zone, precision)}`;
}

/** `10:00:00.123` in the zone. */
export function formatClock(nanos: Nanos, zone: Zone, precision: Precision = 'milli'): string {
  const clock = wall(nanos, zone).toISOString().slice(11, 19);
  if (precision === 'minute') return clock.slice(0, 5);
  if (precision === 'second') return clock;
  const fraction = (((nanos % SECOND) + SECOND) % SECOND).toString().padStart(9, '0');
  return `${clock}.${precision === 'nano' ? fraction : fraction.slice(0, 3)}`;
}

/** `UTC`, or the browser's zone as `UTC+02:00`. */
export function zoneName(zone: Zone, at: Nanos): string {
  if (zone === 'utc') return 'UTC';
  const minutes = -new Date(millisOfNanos(at)).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const absolute = Math.abs(minutes);
  const two = (value: number) => value.toString().padStart(2, '0');
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
}

/** `just now`, `12 s ago`, `3 h ago`, `in 4 min`. */
export function formatAgo(then: Nanos, now: Nanos): string {
  const distance = now - then;
  const absolute = distance < 0n ? -distance : distance;
  if (absolute < 2n * SECOND) return 'just now';
  const [size, unit] = (
    [
      [DAY, 'd'],
      [HOUR, 'h'],
      [MINUTE, 'min'],
      [SECOND, 's'],
    ] as const
  ).find(([one]) => absolute >= one)!;
  const words = `${absolute / size} ${unit}`;
  return distance < 0n ? `in ${words}` : `${words} ago`;
}

/** Round moments inside a span, at most `count`, for an axis. */
export function axisTicks(span: Span, count: number, zone: Zone): { at: Nanos; label: string }[] {
  const length = span.to - span.from;
  const steps = [1n, 2n, 5n, 10n, 15n, 30n].map(n => n * SECOND);
  steps.push(...[1n, 2n, 5n, 10n, 15n, 30n].map(n => n * MINUTE));
  steps.push(...[1n, 2n, 3n, 6n, 12n].map(n => n * HOUR), DAY, 2n * DAY, 7n * DAY, 14n * DAY, 30n * DAY);
  const step = steps.find(one => length / one <= BigInt(count)) ?? length / BigInt(count) + 1n;
  const offset = zone === 'utc' ? 0n : BigInt(-new Date(millisOfNanos(span.from)).getTimezoneOffset()) * MINUTE;
  const ticks = [];
  for (let at = ((span.from + offset) / step + 1n) * step - offset; at < span.to; at += step) {
    const label =
      step >= DAY
        ? formatInstant(at, zone, 'day').slice(5)
        : length > DAY
          ? formatInstant(at, zone, 'minute').slice(5)
          : formatClock(at, zone, step >= MINUTE ? 'minute' : 'second');
    ticks.push({ at, label });
  }
  return ticks;
}
