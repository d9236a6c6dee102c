/** Small traces for tests, written as a tree of `[name, start, duration, children…]` in milliseconds. */

import { severityOf } from './severity';
import type { Dictionary, Trace, TraceLog } from './trace';

export interface SpanSketch {
  name: string;
  service?: string;
  at?: number;
  took?: number;
  error?: string;
  marks?: number;
  skew?: number;
  critical?: number;
  children?: SpanSketch[];
}

const MS = 1e6;

function dictionary(words: string[]): Dictionary {
  const values = [...new Set(words)];
  return { codes: Int32Array.from(words, word => values.indexOf(word)), values };
}

export function sketchTrace(root: SpanSketch): Trace {
  const rows: (SpanSketch & { parent: number; depth: number; size: number })[] = [];
  const add = (sketch: SpanSketch, parent: number, depth: number): number => {
    const row = rows.push({ ...sketch, parent, depth, size: 1 }) - 1;
    for (const child of sketch.children ?? []) rows[row]!.size += rows[add(child, row, depth + 1)]!.size;
    return row;
  };
  add(root, -1, 0);
  const numbers = (pick: (row: (typeof rows)[number]) => number) => Int32Array.from(rows, pick);
  const nanos = (pick: (row: (typeof rows)[number]) => number) => Float64Array.from(rows, row => pick(row) * MS);
  const status = dictionary(rows.map(row => (row.error ? 'error' : 'unset')));
  const zero = new Int32Array(rows.length);
  return {
    id: '0'.repeat(32),
    summary: {
      id: '0'.repeat(32),
      service: root.service ?? 'shop',
      name: root.name,
      failed: !!root.error,
      start: 0n,
      duration: (root.took ?? 1) * MS,
      spans: rows.length,
      errors: rows.filter(row => row.error).length,
      services: [],
      matched: undefined,
    },
    startUnixNano: 0n,
    complete: true,
    warnings: [],
    length: rows.length,
    spanIds: { at: row => (rows[row] ? row.toString(16).padStart(16, '0') : null) },
    statusMessages: { at: row => rows[row]?.error ?? null },
    parent: numbers(row => row.parent),
    depth: numbers(row => row.depth),
    size: numbers(row => row.size),
    start: nanos(row => row.at ?? 0),
    duration: nanos(row => row.took ?? 1),
    critical: nanos(row => row.critical ?? 0),
    skew: nanos(row => row.skew ?? 0),
    name: dictionary(rows.map(row => row.name)),
    service: dictionary(rows.map(row => row.service ?? 'shop')),
    version: dictionary(rows.map(() => '1.0')),
    kind: dictionary(rows.map(() => 'internal')),
    status,
    logs: zero,
    errorLogs: zero,
    events: zero,
    links: zero,
    marks: numbers(row => row.marks ?? 0),
    failed: Uint8Array.from(rows, row => (row.error ? 1 : 0)),
  };
}

export function sketchLog(row: number, at: number, line: string, severity = 'info'): TraceLog {
  return {
    row,
    at: at * MS,
    log: {
      id: line,
      time: 0n,
      severity: severityOf(severity),
      severityText: severity,
      service: 'shop',
      version: undefined,
      body: line,
      line,
      traceId: undefined,
      spanId: undefined,
      derived: [],
      event: undefined,
      attributes: {},
      resource: {},
    },
  };
}

/** `count` siblings under one root, all but the first marked as repeated. */
export function siblings(count: number, mark: number): SpanSketch[] {
  return Array.from({ length: count }, (_, place) => ({
    name: 'SELECT',
    at: place * 2,
    took: place + 1,
    marks: place === 0 ? 0 : mark,
  }));
}
