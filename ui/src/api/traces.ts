// Traces: lists, facets and the latency heat map, from the wire to the model.

import { nanosOfMillis, parseInstant, type Range, resolveRange, type Span } from '../model/time';
import type { Page, TraceSummary } from '../model/types';
import { get } from './client';
import type { FacetWire, List, TraceHistogramWire, TraceSummaryWire } from './wire';

export function summaryOf(wire: TraceSummaryWire): TraceSummary {
  return {
    id: wire.trace_id,
    service: wire.root_service ?? wire.services[0]?.name ?? '',
    name: wire.root_name ?? '(no root yet)',
    failed: wire.root_status === 'error',
    start: parseInstant(wire.start_time) ?? 0n,
    duration: wire.duration_nano,
    spans: wire.span_count,
    errors: wire.error_count,
    services: wire.services,
    matched: wire.matched_spans,
  };
}

export function pageOf<W, T>(list: List<W>, convert: (wire: W) => T): Page<T> {
  return {
    items: list.items.map(convert),
    cursor: list.cursor ?? undefined,
    total: list.total,
    complete: list.complete,
    warnings: list.warnings ?? [],
  };
}

export interface Asked extends Range {
  q: string;
}

export async function searchTraces(
  asked: Asked,
  limit: number,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<Page<TraceSummary>> {
  const list = await get<List<TraceSummaryWire>>('/api/v1/traces', { ...asked, limit, cursor }, signal);
  return pageOf(list, summaryOf);
}

export async function traceFacets(asked: Asked, signal: AbortSignal): Promise<FacetWire[]> {
  return (await get<{ items: FacetWire[] }>('/api/v1/traces/facets', { ...asked }, signal)).items;
}

export interface Heat {
  /** What the range meant when it was asked. */
  span: Span;
  bucket: bigint;
  cells: { time: bigint; min: number; max: number; count: number; errors: number }[];
}

export async function traceHeat(asked: Asked, buckets: number, rows: number, signal: AbortSignal): Promise<Heat> {
  const span = resolveRange(asked, nanosOfMillis(Date.now()));
  const wire = await get<TraceHistogramWire>('/api/v1/traces/histogram', { ...asked, buckets, rows }, signal);
  return {
    span,
    bucket: BigInt(Math.round(wire.bucket_nano)),
    cells: wire.items.map(cell => ({
      time: parseInstant(cell.time) ?? 0n,
      min: cell.duration_min_nano,
      max: cell.duration_max_nano,
      count: cell.count,
      errors: cell.errors,
    })),
  };
}
