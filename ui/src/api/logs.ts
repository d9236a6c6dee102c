// Logs: lists, counts over time, patterns, neighbours and the live tail, from the wire to the model.

import { SEVERITIES, type Severity, severityOf } from '../model/severity';
import { nanosOfMillis, parseInstant, resolveRange, type Span } from '../model/time';
import type { Log, Page, Value } from '../model/types';
import { address, get } from './client';
import { type Asked, pageOf } from './traces';
import type { FacetWire, List, LogContextWire, LogHistogramWire, LogWire, PatternWire } from './wire';

/** Longer bodies are cut in lists; the panel shows them whole. */
const LINE_CHARS_MAX = 4096;

export function logOf(wire: LogWire): Log {
  const body = (wire.body ?? '') as Value;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    id: wire.id,
    time: parseInstant(wire.time) ?? 0n,
    severity: severityOf(wire.severity),
    severityText: wire.severity_text ?? '',
    service: wire.service_name,
    version: wire.service_version,
    body,
    line: (text || wire.event_name || '').slice(0, LINE_CHARS_MAX),
    traceId: wire.trace_id,
    spanId: wire.span_id,
    derived: wire.derived ?? [],
    event: wire.event_name,
    attributes: (wire.attributes ?? {}) as Record<string, Value>,
    resource: (wire.resource ?? {}) as Record<string, Value>,
  };
}

export async function searchLogs(
  asked: Asked,
  limit: number,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<Page<Log>> {
  return pageOf(await get<List<LogWire>>('/api/v1/logs', { ...asked, limit, cursor }, signal), logOf);
}

export async function logFacets(asked: Asked, signal: AbortSignal): Promise<FacetWire[]> {
  return (await get<{ items: FacetWire[] }>('/api/v1/logs/facets', { ...asked }, signal)).items;
}

export interface Histogram {
  /** What the range meant when it was asked. */
  span: Span;
  bucket: bigint;
  bars: { time: bigint; counts: Partial<Record<Severity, number>>; total: number }[];
}

export async function logHistogram(asked: Asked, buckets: number, signal: AbortSignal): Promise<Histogram> {
  const span = resolveRange(asked, nanosOfMillis(Date.now()));
  const wire = await get<LogHistogramWire>('/api/v1/logs/histogram', { ...asked, buckets }, signal);
  return {
    span,
    bucket: BigInt(Math.round(wire.bucket_nano)),
    bars: wire.items.map(item => {
      const counts: Partial<Record<Severity, number>> = {};
      for (const severity of SEVERITIES) if (item.counts[severity]) counts[severity] = item.counts[severity];
      return {
        time: parseInstant(item.time) ?? 0n,
        counts,
        total: Object.values(item.counts).reduce((sum, one) => sum + one, 0),
      };
    }),
  };
}

export async function logPatterns(asked: Asked, signal: AbortSignal): Promise<PatternWire[]> {
  return (await get<{ items: PatternWire[] }>('/api/v1/logs/patterns', { ...asked }, signal)).items;
}

export async function logContext(id: string, signal: AbortSignal): Promise<{ logs: Log[]; index: number }> {
  const wire = await get<LogContextWire>(
    '/api/v1/logs/context',
    { id, before: 20, after: 20, same: 'service' },
    signal,
  );
  return { logs: wire.items.map(logOf), index: wire.index };
}

/** Follows new logs until closed; `lost` counts what the server could not send in time. */
export function tailLogs(
  q: string,
  on: { log: (log: Log) => void; lost: (count: number) => void; down: () => void },
): () => void {
  const source = new EventSource(address('/api/v1/logs/tail', { q }));
  source.addEventListener('log', event => on.log(logOf(JSON.parse(event.data) as LogWire)));
  source.addEventListener('lost', event => on.lost((JSON.parse(event.data) as { count: number }).count));
  source.onerror = () => on.down();
  return () => source.close();
}
