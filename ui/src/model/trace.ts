/**
 * One trace as arrays: a row is a span, rows stand depth first with children by start. Times are nanoseconds since the
 * trace's first start, as numbers: exact up to 104 days. Objects per span would cost ten times the memory and freeze the page.
 */

import type { Log, TraceSummary } from './types';

/** Values that repeat: `values[codes[row]]`, or nothing where the code is −1. */
export interface Dictionary {
  codes: Int32Array;
  values: string[];
}

/** Text by row, decoded only when asked for. */
export interface TextColumn {
  at(row: number): string | null;
}

export interface Trace {
  id: string;
  summary: TraceSummary;
  /** The moment that is 0 in `start`. */
  startUnixNano: bigint;
  complete: boolean;
  warnings: string[];
  length: number;
  spanIds: TextColumn;
  statusMessages: TextColumn;
  /** Row of the parent, −1 for a root. */
  parent: Int32Array;
  depth: Int32Array;
  /** Rows of the subtree, this one included. */
  size: Int32Array;
  start: Float64Array;
  duration: Float64Array;
  /** Time on the critical path spent in this span itself. */
  critical: Float64Array;
  /** Estimated correction of a clock that is off: added to `start` when times are shown adjusted. */
  skew: Float64Array;
  name: Dictionary;
  service: Dictionary;
  version: Dictionary;
  kind: Dictionary;
  status: Dictionary;
  logs: Int32Array;
  errorLogs: Int32Array;
  events: Int32Array;
  links: Int32Array;
  marks: Int32Array;
  /** 1 where the span's status is error. */
  failed: Uint8Array;
}

/** Bits of `marks`. */
export const Mark = {
  missing: 1,
  orphan: 2,
  inProgress: 4,
  firstCause: 8,
  causedBy: 16,
  cycleCut: 32,
  duplicateId: 64,
  repeated: 128,
} as const;

export function text(dictionary: Dictionary, row: number): string {
  const code = dictionary.codes[row];
  return code === undefined || code < 0 ? '' : (dictionary.values[code] ?? '');
}

export function hasMark(trace: Trace, row: number, mark: number): boolean {
  return (trace.marks[row]! & mark) !== 0;
}

/** Where the span stands on the time axis, with or without the correction of its clock. */
export function startOf(trace: Trace, row: number, adjusted: boolean): number {
  return adjusted ? trace.start[row]! + trace.skew[row]! : trace.start[row]!;
}

export interface Extent {
  from: number;
  to: number;
}

/** The stretch of time that all spans cover; never empty. */
export function extent(trace: Trace, adjusted: boolean): Extent {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < trace.length; row++) {
    const start = startOf(trace, row, adjusted);
    if (start < from) from = start;
    const end = start + trace.duration[row]!;
    if (end > to) to = end;
  }
  if (from > to) return { from: 0, to: 1 };
  return { from, to: Math.max(to, from + 1) };
}

/** Services whose clock was estimated to be off, with the largest correction of each. */
export function skewedServices(trace: Trace): { service: string; nano: number }[] {
  const largest = new Map<string, number>();
  for (let row = 0; row < trace.length; row++) {
    const skew = trace.skew[row]!;
    if (skew === 0) continue;
    const service = text(trace.service, row);
    if (Math.abs(skew) > Math.abs(largest.get(service) ?? 0)) largest.set(service, skew);
  }
  return [...largest].map(([service, nano]) => ({ service, nano }));
}

export function countMarked(trace: Trace, mark: number): number {
  let count = 0;
  for (let row = 0; row < trace.length; row++) if (trace.marks[row]! & mark) count++;
  return count;
}

/**
 * Time a span spent in itself: its duration less what its children cover. Children stand in start order, so one pass with
 * the end of what is already covered is enough.
 */
export function selfTimes(trace: Trace): Float64Array {
  const self = Float64Array.from(trace.duration);
  const covered = Float64Array.from(trace.start);
  for (let row = 0; row < trace.length; row++) {
    const parent = trace.parent[row]!;
    if (parent < 0) continue;
    const from = Math.max(trace.start[row]!, covered[parent]!);
    const to = Math.min(trace.start[row]! + trace.duration[row]!, trace.start[parent]! + trace.duration[parent]!);
    if (to <= from) continue;
    self[parent] = self[parent]! - (to - from);
    covered[parent] = to;
  }
  return self;
}

/** The rows from the root down to this one, itself excluded. */
export function ancestors(trace: Trace, row: number): number[] {
  const path: number[] = [];
  for (let at = trace.parent[row]!; at >= 0; at = trace.parent[at]!) path.push(at);
  return path.reverse();
}

/** Finds rows by span id; the index is built at the first question. */
export class SpanIndex {
  private readonly trace: Trace;
  private rows: Map<string, number> | undefined;

  constructor(trace: Trace) {
    this.trace = trace;
  }

  row(spanId: string): number {
    if (!this.rows) {
      this.rows = new Map();
      // The first of duplicate ids wins.
      for (let row = this.trace.length - 1; row >= 0; row--) {
        const id = this.trace.spanIds.at(row);
        if (id) this.rows.set(id, row);
      }
    }
    return this.rows.get(spanId) ?? -1;
  }
}

/** A log record on the trace's time axis. */
export interface TraceLog {
  log: Log;
  /** Nanoseconds since the trace's first start. */
  at: number;
  /** Row of its span, −1 when it has none or the span is not in the trace. */
  row: number;
}

/** What spans like this one usually take: the median of many. */
export interface Usual {
  nano: number;
  count: number;
}

/** Far enough from the usual to be said beside the bar: half as much again or half, and not by a hair. */
export function isUnusual(duration: number, usual: number): boolean {
  return (duration > usual * 1.5 || duration < usual / 2) && Math.abs(duration - usual) > 1e6;
}

/** A stretch of the critical path. */
export interface Segment {
  row: number;
  from: number;
  to: number;
}
