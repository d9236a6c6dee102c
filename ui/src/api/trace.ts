// One trace: its tree as columns, details of some spans, its logs, hops, critical path and verdict.

import { parseInstant } from '../model/time';
import { hasMark, Mark, type Segment, type SpanIndex, type Trace, type TraceLog, type Usual } from '../model/trace';
import type { Hop, HopEnd } from '../model/traceHops';
import type { Log, Page } from '../model/types';
import { ApiError, get, getBytes } from './client';
import { takeTree } from './early';
import { logOf } from './logs';
import { decodeTrace } from './traceColumns';
import { pageOf } from './traces';
import type { CriticalPathWire, HopEndWire, HopsWire, HopWire, WhyWire } from './traceWire';
import type { List, LogWire, SpanWire, TraceWire } from './wire';

/** As many logs as one answer may hold. */
export const TRACE_LOGS_MAX = 1000;

const of = (id: string, rest = '') => `/api/v1/traces/${encodeURIComponent(id)}${rest}`;

export async function traceTree(id: string, signal: AbortSignal): Promise<Trace> {
  return decodeTrace(id, await takeTree(id, signal));
}

export async function spanDetails(id: string, spans: readonly string[], signal: AbortSignal): Promise<SpanWire[]> {
  return (await get<TraceWire>(of(id), { span: spans.join(',') }, signal)).spans;
}

export async function traceLogs(id: string, signal: AbortSignal): Promise<Page<Log>> {
  return pageOf(await get<List<LogWire>>(of(id, '/logs'), { limit: TRACE_LOGS_MAX }, signal), logOf);
}

/** What a server may not have, or not yet know of a trace: the page does without. */
async function optional<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 501)) return null;
    throw error;
  }
}

const endOf = (end: HopEndWire | undefined, fallback: string): HopEnd => ({
  service: end?.service ?? fallback,
  version: end?.version,
  operation: end?.operation || undefined,
  spanId: end?.span_id,
});

export function hopOf(wire: HopWire, startUnixNano: bigint): Hop {
  return {
    hop: wire.hop,
    depth: wire.depth,
    kind: wire.kind,
    pairing: wire.pairing,
    protocol: wire.protocol,
    caller: endOf(wire.caller, '(unknown)'),
    callee: endOf(wire.callee, '(unknown)'),
    start: Number((parseInstant(wire.start) ?? startUnixNano) - startUnixNano),
    client: wire.client_nano,
    server: wire.server_nano,
    network: wire.network_nano,
    queue: wire.queue_nano,
    self: wire.self_nano,
    critical: wire.critical_nano,
    attempt: wire.attempt ?? 1,
    failed: wire.status === 'error',
    firstCause: wire.is_first_cause ?? false,
    logs: wire.log_count ?? 0,
    via: [wire.via ?? []].flat().join(', '),
  };
}

export interface Hops {
  hops: Hop[];
  /** What is wrong with the spans themselves, in words. */
  defects: string[];
}

export async function traceHops(id: string, startUnixNano: bigint, signal: AbortSignal): Promise<Hops | null> {
  const wire = await optional(get<HopsWire>(of(id, '/hops'), { limit: 1000 }, signal));
  return wire && { hops: wire.items.map(hop => hopOf(hop, startUnixNano)), defects: wire.defects ?? [] };
}

export const traceWhy = (id: string, signal: AbortSignal) => optional(get<WhyWire>(of(id, '/why'), {}, signal));

export const criticalPath = (id: string, signal: AbortSignal) =>
  optional(get<CriticalPathWire>(of(id, '/critical-path'), {}, signal));

/** Logs on the trace's time axis, each at the row of its span. */
export function placeLogs(logs: readonly Log[], trace: Trace, index: SpanIndex): TraceLog[] {
  return logs.map(log => ({
    log,
    at: Number(log.time - trace.startUnixNano),
    row: log.spanId ? index.row(log.spanId) : -1,
  }));
}

export function placeSegments(path: CriticalPathWire, index: SpanIndex): Segment[] {
  return path.items
    .map(item => ({ row: index.row(item.span_id), from: item.start_nano, to: item.start_nano + item.nano }))
    .filter(segment => segment.row >= 0);
}

/** The usual by row: of each call that was seen often enough, and of the request itself. */
export function placeUsual(why: WhyWire, trace: Trace, index: SpanIndex): Map<number, Usual> {
  const usual = new Map<number, Usual>();
  for (const { span_id, nano, count } of why.usual ?? []) {
    const row = index.row(span_id);
    if (row >= 0) usual.set(row, { nano, count });
  }
  if (why.usual_nano !== undefined) {
    let root = 0;
    while (root < trace.length && (trace.parent[root]! >= 0 || hasMark(trace, root, Mark.missing))) root++;
    if (root < trace.length) usual.set(root, { nano: why.usual_nano, count: why.compared_with ?? 0 });
  }
  return usual;
}

/** A moment of a span on the trace's time axis. */
export function sinceStart(time: string, trace: Trace): number {
  return Number((parseInstant(time) ?? trace.startUnixNano) - trace.startUnixNano);
}

/** The whole trace in another format, for saving. */
export async function traceAs(id: string, accept: string): Promise<Blob> {
  return new Blob([await getBytes(of(id), accept)], { type: accept });
}
