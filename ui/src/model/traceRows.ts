/**
 * From the tree and what is open in it to the rows on screen. Three parallel arrays instead of objects: the list of a
 * 100,000-span trace is rebuilt in a few milliseconds at every key press that opens or closes something.
 */

import { Mark, type Trace, type TraceLog } from './trace';

export const RowKind = { span: 0, fold: 1, log: 2 } as const;

/** As many equal siblings in a row are shown as one. */
export const FOLD_MIN = 4;

export interface VisibleRows {
  length: number;
  /** A `RowKind`. */
  kind: Uint8Array;
  /** Span: its row in the trace. Fold: the row of its first member. Log: its place in the list of logs. */
  ref: Int32Array;
  level: Int32Array;
}

export interface RowOptions {
  collapsed: ReadonlySet<number>;
  /** First members of folds that are open. */
  unfolded: ReadonlySet<number>;
  /** Only rows with 1 here; folds are off then, since what is asked for should be seen. */
  keep?: Uint8Array | undefined;
  /** Logs in time order, shown between the spans. */
  logs?: readonly TraceLog[] | undefined;
}

/** The row after the last member of the run of equal siblings that starts here. */
export function runEnd(trace: Trace, first: number): number {
  const parent = trace.parent[first]!;
  let end = first + trace.size[first]!;
  while (end < trace.length && trace.parent[end] === parent && trace.marks[end]! & Mark.repeated) {
    end += trace.size[end]!;
  }
  return end;
}

/** The first member of the run this row belongs to. */
export function runStart(trace: Trace, row: number): number {
  let first = row;
  while (trace.marks[first]! & Mark.repeated) {
    // The sibling before: climb from the row before to the level of this one.
    let before = first - 1;
    while (before >= 0 && trace.parent[before] !== trace.parent[first]) before = trace.parent[before]!;
    if (before < 0) break;
    first = before;
  }
  return first;
}

export interface Fold {
  members: number;
  total: number;
  longest: number;
  errors: number;
  from: number;
  to: number;
}

/** What a folded run says of its members. */
export function fold(trace: Trace, first: number, adjusted = false): Fold {
  const end = runEnd(trace, first);
  const sum: Fold = {
    members: 0,
    total: 0,
    longest: 0,
    errors: 0,
    from: Number.POSITIVE_INFINITY,
    to: Number.NEGATIVE_INFINITY,
  };
  for (let row = first; row < end; row += trace.size[row]!) {
    const start = trace.start[row]! + (adjusted ? trace.skew[row]! : 0);
    const duration = trace.duration[row]!;
    sum.members++;
    sum.total += duration;
    sum.longest = Math.max(sum.longest, duration);
    sum.errors += trace.failed[row]!;
    sum.from = Math.min(sum.from, start);
    sum.to = Math.max(sum.to, start + duration);
  }
  return sum;
}

function runLength(trace: Trace, first: number): number {
  const parent = trace.parent[first]!;
  let members = 1;
  let next = first + trace.size[first]!;
  while (
    members < FOLD_MIN &&
    next < trace.length &&
    trace.parent[next] === parent &&
    trace.marks[next]! & Mark.repeated
  ) {
    members++;
    next += trace.size[next]!;
  }
  return members;
}

/** True where a fold row would stand for this row and its siblings. */
export function startsFold(trace: Trace, row: number): boolean {
  return !(trace.marks[row]! & Mark.repeated) && runLength(trace, row) >= FOLD_MIN;
}

class Rows {
  kind: Uint8Array;
  ref: Int32Array;
  level: Int32Array;
  length = 0;

  constructor(capacity: number) {
    this.kind = new Uint8Array(capacity);
    this.ref = new Int32Array(capacity);
    this.level = new Int32Array(capacity);
  }

  push(kind: number, ref: number, level: number): void {
    this.kind[this.length] = kind;
    this.ref[this.length] = ref;
    this.level[this.length] = level;
    this.length++;
  }
}

/** Logs by the row of their span; those of no span come under −1. */
function logsBySpan(logs: readonly TraceLog[]): Map<number, number[]> {
  const bySpan = new Map<number, number[]>();
  for (let index = 0; index < logs.length; index++) {
    const row = logs[index]!.row;
    const list = bySpan.get(row);
    if (list) list.push(index);
    else bySpan.set(row, [index]);
  }
  return bySpan;
}

export function visibleRows(trace: Trace, options: RowOptions): VisibleRows {
  const { collapsed, unfolded, keep, logs } = options;
  const bySpan = logs && logs.length > 0 ? logsBySpan(logs) : undefined;
  // Every span, every log, and at most one fold row for FOLD_MIN spans.
  const rows = new Rows(trace.length + Math.ceil(trace.length / FOLD_MIN) + (logs?.length ?? 0));

  // Open folds: members stand one level deeper until `end`.
  const foldEnds: number[] = [];
  // Open spans with logs still to be placed among their children.
  const open: { span: number; end: number; pending: number[]; next: number; level: number }[] = [];

  const place = (entry: { pending: number[]; next: number; level: number }, until: number): void => {
    while (entry.next < entry.pending.length && logs![entry.pending[entry.next]!]!.at < until) {
      rows.push(RowKind.log, entry.pending[entry.next]!, entry.level);
      entry.next++;
    }
  };
  const closeBefore = (row: number): void => {
    while (open.length > 0 && open[open.length - 1]!.end <= row) place(open.pop()!, Number.POSITIVE_INFINITY);
  };

  for (let row = 0; row < trace.length; ) {
    const size = trace.size[row]!;
    if (keep && !keep[row]) {
      row += size;
      continue;
    }
    while (foldEnds.length > 0 && foldEnds[foldEnds.length - 1]! <= row) foldEnds.pop();
    if (bySpan) {
      closeBefore(row);
      const last = open[open.length - 1];
      if (last && last.span === trace.parent[row]) place(last, trace.start[row]!);
    }
    let level = trace.depth[row]! + foldEnds.length;
    if (!keep && startsFold(trace, row)) {
      rows.push(RowKind.fold, row, level);
      const end = runEnd(trace, row);
      if (!unfolded.has(row)) {
        row = end;
        continue;
      }
      foldEnds.push(end);
      level++;
    }
    rows.push(RowKind.span, row, level);
    if (collapsed.has(row)) {
      row += size;
      continue;
    }
    const pending = bySpan?.get(row);
    if (pending) open.push({ span: row, end: row + size, pending, next: 0, level: level + 1 });
    row++;
  }
  closeBefore(Number.POSITIVE_INFINITY);
  const loose = bySpan?.get(-1);
  if (loose) place({ pending: loose, next: 0, level: 0 }, Number.POSITIVE_INFINITY);
  return { length: rows.length, kind: rows.kind, ref: rows.ref, level: rows.level };
}

/** Where a span stands among the visible rows, −1 when it is hidden. Rows stand in trace order, so halving finds it. */
export function findSpanRow(rows: VisibleRows, span: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    // Log rows do not order: go down to the nearest row that does.
    let probe = middle;
    while (probe >= low && rows.kind[probe] === RowKind.log) probe--;
    if (probe < low) {
      low = middle + 1;
      continue;
    }
    const ref = rows.ref[probe]!;
    if (ref === span) {
      if (rows.kind[probe] === RowKind.span) return probe;
      // A fold row has the number of its first member, which follows when the fold is open.
      return rows.kind[probe + 1] === RowKind.span && rows.ref[probe + 1] === span ? probe + 1 : -1;
    }
    if (ref < span) low = middle + 1;
    else high = probe - 1;
  }
  return -1;
}

/** Opens whatever hides this span; true when something changed. */
export function reveal(trace: Trace, span: number, collapsed: Set<number>, unfolded: Set<number>): boolean {
  let changed = false;
  for (let at = span; at >= 0; at = trace.parent[at]!) {
    if (at !== span && collapsed.delete(at)) changed = true;
    const first = runStart(trace, at);
    if (startsFold(trace, first) && !unfolded.has(first)) {
      unfolded.add(first);
      changed = true;
    }
  }
  return changed;
}

/** Marks kept rows and all their ancestors, so that a match is never shown without its way from the root. */
export function withAncestors(trace: Trace, matches: Uint8Array): Uint8Array {
  const keep = Uint8Array.from(matches);
  for (let row = trace.length - 1; row >= 0; row--) {
    if (keep[row] && trace.parent[row]! >= 0) keep[trace.parent[row]!] = 1;
  }
  return keep;
}

/** The spans the critical path runs through. */
export function criticalRows(trace: Trace): Uint8Array {
  const matches = new Uint8Array(trace.length);
  for (let row = 0; row < trace.length; row++) if (trace.critical[row]! > 0) matches[row] = 1;
  return matches;
}
