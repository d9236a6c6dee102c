// What the trace page asks the server for: the tree first, the rest when it stands.

import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { traceStory } from '../../../api/related';
import {
  criticalPath,
  placeLogs,
  placeSegments,
  placeUsual,
  sinceStart,
  spanDetails,
  traceHops,
  traceLogs,
  traceTree,
  traceWhy,
} from '../../../api/trace';
import type { SpanWire } from '../../../api/wire';
import {
  countMarked,
  hasMark,
  Mark,
  type Segment,
  SpanIndex,
  type Trace,
  type TraceLog,
  type Usual,
} from '../../../model/trace';

/** A finished trace does not change but for late spans. */
const STALE_MS = 5 * 60_000;
/** While spans are still arriving. */
const AGAIN_MS = 2_000;
/** Details are asked for in lots: those on screen and some around them. */
const LOT_MAX = 100;
/** The server reads a trace whole to answer for some of its spans: in a very large one it waits for the click. */
const PREFETCH_SPANS_MAX = 10_000;

const NO_LOGS: readonly TraceLog[] = [];
const NO_SEGMENTS: readonly Segment[] = [];
const NO_USUAL: ReadonlyMap<number, Usual> = new Map();
const NO_EVENTS: ReadonlyMap<number, readonly number[]> = new Map();

export function arriving(trace: Trace): boolean {
  return !trace.complete || countMarked(trace, Mark.inProgress) > 0;
}

const spanKey = (id: string, span: string) => ['trace', id, 'span', span];

/** As long as a trace is young, spans may still come. */
export function useTree(id: string) {
  return useQuery({
    queryKey: ['trace', id, 'tree'],
    queryFn: ({ signal }) => traceTree(id, signal),
    staleTime: STALE_MS,
    structuralSharing: false,
    refetchInterval: query => (query.state.data && arriving(query.state.data) ? AGAIN_MS : false),
  });
}

export function useSpanIndex(trace: Trace | undefined): SpanIndex | undefined {
  return useMemo(() => trace && new SpanIndex(trace), [trace]);
}

export function useLogs(id: string, trace: Trace | undefined, index: SpanIndex | undefined) {
  const asked = useQuery({
    queryKey: ['trace', id, 'logs', trace?.length],
    queryFn: ({ signal }) => traceLogs(id, signal),
    enabled: !!trace,
    staleTime: STALE_MS,
    structuralSharing: false,
  });
  const page = asked.data;
  const logs = useMemo(
    () => (page && trace && index ? placeLogs(page.items, trace, index) : NO_LOGS),
    [page, trace, index],
  );
  return { logs, asked };
}

export function useSegments(id: string, trace: Trace | undefined, index: SpanIndex | undefined): readonly Segment[] {
  const { data } = useQuery({
    queryKey: ['trace', id, 'critical-path', trace?.length],
    queryFn: ({ signal }) => criticalPath(id, signal),
    enabled: !!trace,
    staleTime: STALE_MS,
    structuralSharing: false,
  });
  return useMemo(() => (data && index ? placeSegments(data, index) : NO_SEGMENTS), [data, index]);
}

export function useHops(id: string, startUnixNano: bigint) {
  return useQuery({
    queryKey: ['trace', id, 'hops'],
    queryFn: ({ signal }) => traceHops(id, startUnixNano, signal),
    staleTime: STALE_MS,
  });
}

/** The verdict may be missing, late or wrong-footed: the page says nothing then, it is a headline and no more. */
export function useWhy(id: string, trace: Trace | undefined, index: SpanIndex | undefined) {
  const asked = useQuery({
    queryKey: ['trace', id, 'why', trace?.length],
    queryFn: ({ signal }) => traceWhy(id, signal),
    enabled: !!trace,
    staleTime: STALE_MS,
    retry: false,
  });
  const why = asked.data ?? undefined;
  const usual = useMemo(() => (why && trace && index ? placeUsual(why, trace, index) : NO_USUAL), [why, trace, index]);
  return { why, usual };
}

export function useStory(id: string, enabled: boolean) {
  return useQuery({
    queryKey: ['trace', id, 'story'],
    queryFn: ({ signal }) => traceStory(id, signal),
    enabled,
    staleTime: STALE_MS,
    retry: false,
  });
}

export function useSpan(id: string, span: string | undefined) {
  return useQuery({
    queryKey: spanKey(id, span ?? ''),
    queryFn: async ({ signal }) => (await spanDetails(id, [span!], signal)).find(one => one.span_id === span) ?? null,
    enabled: !!span,
    staleTime: STALE_MS,
  });
}

function unknown(queries: QueryClient, trace: Trace, spans: number[]): string[] {
  const ids: string[] = [];
  for (const span of spans) {
    if (hasMark(trace, span, Mark.missing)) continue;
    const id = trace.spanIds.at(span);
    if (id && !queries.getQueryData(spanKey(trace.id, id)) && ids.length < LOT_MAX) ids.push(id);
  }
  return ids;
}

/** Fetches details of what is on screen ahead of a click, and learns from them when the spans' events were. */
export function usePrefetch(trace: Trace | undefined, index: SpanIndex | undefined) {
  const queries = useQueryClient();
  const [events, setEvents] = useState(NO_EVENTS);
  const running = useRef<AbortController | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows are of one tree; another tree starts anew.
  useEffect(() => {
    setEvents(NO_EVENTS);
    return () => running.current?.abort();
  }, [trace]);

  const prefetch = useCallback(
    async (spans: number[]) => {
      if (!trace || !index || trace.length > PREFETCH_SPANS_MAX) return;
      const ids = unknown(queries, trace, spans);
      if (ids.length === 0) return;
      running.current?.abort();
      running.current = new AbortController();
      let details: SpanWire[];
      try {
        details = await spanDetails(trace.id, ids, running.current.signal);
      } catch {
        // Only a wish: the click will ask again and say what is wrong.
        return;
      }
      for (const span of details) queries.setQueryData(spanKey(trace.id, span.span_id), span);
      const found = details.filter(span => (span.events?.length ?? 0) > 0);
      if (found.length === 0) return;
      setEvents(before => {
        const after = new Map(before);
        for (const span of found) {
          const row = index.row(span.span_id);
          if (row >= 0)
            after.set(
              row,
              span.events!.map(event => sinceStart(event.time, trace)),
            );
        }
        return after;
      });
    },
    [trace, index, queries],
  );
  return { events, prefetch };
}
