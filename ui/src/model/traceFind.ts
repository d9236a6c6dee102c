/**
 * Find within a trace: words in names, services, span ids and status messages; `error`, `service:cart`, `kind:client`,
 * `version:2.1`, `>2.5%` of the trace, `>10ms`, `<1s`. All terms hold on one span; `-` before a term turns it round.
 */

import type { Dictionary, Trace } from './trace';

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9 };

/** Nanoseconds of `1.5ms`, `250 µs`, `2m`; nothing when it is not a duration. A bare number is milliseconds. */
export function parseDuration(words: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-zµ]*)$/i.exec(words.trim());
  if (!parts) return undefined;
  const size = UNITS[parts[2]?.toLowerCase() || 'ms'];
  return size && Number(parts[1]) * size;
}

type Test = (row: number) => boolean;

export interface Found {
  rows: Int32Array;
  matches: Uint8Array;
  /** What could not be understood, in words. */
  problem?: string;
}

/** Splits at spaces, but not inside quotes. */
export function terms(query: string): string[] {
  return (query.match(/-?[\w.]*:?"[^"]*"|\S+/g) ?? []).map(term => term.replaceAll('"', ''));
}

function byCode(dictionary: Dictionary, holds: (value: string) => boolean): Test {
  // Each distinct value is tested once, each row is one look-up.
  const yes = dictionary.values.map(holds);
  return row => {
    const code = dictionary.codes[row]!;
    return code >= 0 && yes[code]!;
  };
}

function fieldTest(trace: Trace, field: string, value: string): Test | undefined {
  const wanted = value.toLowerCase();
  const prefix = wanted.endsWith('*') ? wanted.slice(0, -1) : undefined;
  const holds = (is: string) =>
    prefix === undefined ? is.toLowerCase() === wanted : is.toLowerCase().startsWith(prefix);
  switch (field) {
    case 'service':
      return byCode(trace.service, holds);
    case 'name':
      return byCode(trace.name, holds);
    case 'kind':
      return byCode(trace.kind, holds);
    case 'status':
      return byCode(trace.status, holds);
    case 'version':
      return byCode(trace.version, holds);
    case 'span':
      return row => trace.spanIds.at(row) === wanted;
    default:
      return undefined;
  }
}

function durationTest(trace: Trace, sign: string, amount: string): Test | string {
  const percent = /^([\d.]+)\s*%$/.exec(amount);
  const limit = percent ? (Number(percent[1]) / 100) * trace.summary.duration : parseDuration(amount);
  if (limit === undefined || Number.isNaN(limit)) return `“${sign}${amount}” needs a number with %, ns, µs, ms, s or m`;
  return sign === '>' ? row => trace.duration[row]! > limit : row => trace.duration[row]! < limit;
}

function textTest(trace: Trace, word: string): Test {
  const lower = word.toLowerCase();
  const inName = byCode(trace.name, value => value.toLowerCase().includes(lower));
  const inService = byCode(trace.service, value => value.toLowerCase().includes(lower));
  const idLike = /^[0-9a-f]{16}$/.test(lower);
  return row =>
    inName(row) ||
    inService(row) ||
    (idLike && trace.spanIds.at(row) === lower) ||
    (trace.failed[row]! === 1 && (trace.statusMessages.at(row)?.toLowerCase().includes(lower) ?? false));
}

function test(trace: Trace, term: string): Test | string {
  const comparison = /^(?:duration:)?([<>])(.+)$/.exec(term);
  if (comparison) return durationTest(trace, comparison[1]!, comparison[2]!);
  if (term === 'error' || term === 'errors') return row => trace.failed[row] === 1;
  const field = /^([a-z]+):(.+)$/.exec(term);
  const known = field && fieldTest(trace, field[1]!, field[2]!);
  return known ?? textTest(trace, term);
}

export function find(trace: Trace, query: string): Found {
  const tests: Test[] = [];
  let problem: string | undefined;
  for (const term of terms(query)) {
    const negated = term.length > 1 && term.startsWith('-');
    const made = test(trace, negated ? term.slice(1) : term);
    if (typeof made === 'string') problem ??= made;
    else tests.push(negated ? row => !made(row) : made);
  }
  const matches = new Uint8Array(trace.length);
  if (problem || tests.length === 0) return { rows: new Int32Array(0), matches, ...(problem && { problem }) };
  const rows: number[] = [];
  for (let row = 0; row < trace.length; row++) {
    if (tests.every(holds => holds(row))) {
      matches[row] = 1;
      rows.push(row);
    }
  }
  return { rows: Int32Array.from(rows), matches };
}

/** The next of sorted rows after `from` (before it when `step` is −1), going round at the end; −1 when there are none. */
export function nextOf(rows: Int32Array, from: number, step: 1 | -1): number {
  if (rows.length === 0) return -1;
  if (step === 1) return rows.find(row => row > from) ?? rows[0]!;
  return rows.findLast(row => row < from) ?? rows[rows.length - 1]!;
}

export function failedRows(trace: Trace): Int32Array {
  const rows: number[] = [];
  for (let row = 0; row < trace.length; row++) if (trace.failed[row]) rows.push(row);
  return Int32Array.from(rows);
}

/** The term that finds a span's operation again. */
export function operationQuery(service: string, name: string): string {
  const quoted = (value: string) => (/[\s"]/.test(value) ? `"${value.replaceAll('"', '')}"` : value);
  return `service:${quoted(service)} name:${quoted(name)}`;
}
