// What stands beside a trace: those of its story, and another one to compare it with.

import type { Comparison, Side } from '../model/traceCompare';
import type { Chapter } from '../model/traceStory';
import { get } from './client';
import { summaryOf } from './traces';
import type { CompareSideWire, CompareWire, StoryWire } from './traceWire';
import type { Json } from './wire';

const of = (id: string, rest: string) => `/api/v1/traces/${encodeURIComponent(id)}${rest}`;

const place = (end: { trace_id: string; span_id: string } | undefined) =>
  end && { trace: end.trace_id, span: end.span_id };

export interface Story {
  chapters: Chapter[];
  warnings: string[];
}

export async function traceStory(id: string, signal: AbortSignal): Promise<Story> {
  const wire = await get<StoryWire>(of(id, '/story'), {}, signal);
  return {
    chapters: wire.items.map(item => ({
      trace: summaryOf(item),
      by: item.linked_by,
      from: place(item.from),
      to: place(item.to),
    })),
    warnings: wire.warnings ?? [],
  };
}

const sideOf = (wire: CompareSideWire | undefined): Side | undefined =>
  wire && { count: wire.count, nano: wire.nano, self: wire.self_nano, errors: wire.errors };

const words = (value: Json | undefined) =>
  value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value);

export async function compareTraces(a: string, b: string, signal: AbortSignal): Promise<Comparison> {
  const wire = await get<CompareWire>(of(a, `/compare/${encodeURIComponent(b)}`), {}, signal);
  return {
    a: wire.a && summaryOf(wire.a),
    b: wire.b && summaryOf(wire.b),
    steps: wire.items.map(item => ({
      depth: item.depth,
      parent: item.parent ?? -1,
      service: item.service_name,
      name: item.name,
      kind: item.kind,
      a: sideOf(item.a),
      b: sideOf(item.b),
      delta: item.delta_nano,
      change: item.change,
    })),
    attributes: wire.attributes.map(({ key, a: left, b: right }) => ({ key, a: words(left), b: words(right) })),
    warnings: wire.warnings ?? [],
  };
}
