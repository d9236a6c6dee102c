import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { ApiError } from '../../api/client';
import { useNewest } from '../../api/newest';
import { complete } from '../../api/query';
import { searchTraces, traceFacets, traceHeat } from '../../api/traces';
import { formatTotal, plural } from '../../model/format';
import { heatOf } from '../../model/heat';
import { durationLiteral, replaceField } from '../../model/query';
import { nanosOfMillis, resolveRange, writeInstant } from '../../model/time';
import { HeatMap } from '../../parts/HeatMap';
import { Warnings } from '../../parts/Notice';
import { Found, SearchFrame } from '../../parts/SearchFrame';
import { usePreferences } from '../../state/preferences';
import { useAddress, useRange } from '../../state/url';
import { TraceList } from './TraceList';
import './traces.css';

const PAGE = 100;

export function TracesPage() {
  const { search, set } = useAddress();
  const { range, setRange } = useRange();
  const { zone, facetsOpen } = usePreferences();
  const [heatOpen, setHeatOpen] = useState(true);
  const q = search.q ?? '';
  const asked = { q, ...range };

  const found = useInfiniteQuery({
    queryKey: ['traces', asked],
    queryFn: ({ signal, pageParam }) => searchTraces(asked, PAGE, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.cursor,
  });
  const facets = useQuery({
    queryKey: ['trace facets', asked],
    queryFn: ({ signal }) => traceFacets(asked, signal),
    enabled: facetsOpen,
  });
  const heat = useQuery({
    queryKey: ['trace heat', asked],
    queryFn: ({ signal }) => traceHeat(asked, 80, 24, signal),
    enabled: heatOpen,
  });

  // Where the server cannot count the whole result, the traces at hand are shown, and the title says so.
  const shownHeat = useMemo(() => {
    if (!heatOpen) return undefined;
    if (heat.data) return heat.data;
    if (!heat.isError || !found.data) return undefined;
    const span = resolveRange(range, nanosOfMillis(found.dataUpdatedAt));
    const listed = found.data.pages.flatMap(page => page.items);
    // Older ones are not listed yet: the chart ends where the list does.
    const oldest = listed.at(-1)?.start;
    const covered = found.hasNextPage && oldest !== undefined && oldest > span.from ? { ...span, from: oldest } : span;
    return { span: covered, ...heatOf(listed, covered, 80, 24) };
  }, [heatOpen, heat.data, heat.isError, found.data, found.dataUpdatedAt, found.hasNextPage, range]);

  const setQuery = (next: string) => set({ q: next || undefined }, 'push');
  const traces = found.data?.pages.flatMap(page => page.items) ?? [];
  const first = found.data?.pages[0];
  const newest = useNewest('spans', traces.length === 0 && found.isSuccess);
  const mistake = found.error instanceof ApiError && found.error.status === 400 ? found.error : undefined;

  return (
    <SearchFrame
      title="Traces"
      placeholder="service:checkout status:error duration:>500ms"
      q={q}
      onQuery={setQuery}
      complete={(text, cursor, signal) => complete('traces', text, cursor, signal)}
      mistake={mistake}
      facets={facets}
    >
      <div className="search-chart" data-open={heatOpen && (shownHeat ? shownHeat.cells.length > 0 : heat.isPending)}>
        {shownHeat && shownHeat.cells.length > 0 ? (
          <HeatMap
            title={heat.data ? 'Latency' : `Latency of the ${plural(traces.length, 'trace')} below`}
            data={shownHeat}
            zone={zone}
            onChoose={(from, to, shortest, longest) =>
              set(
                {
                  q: replaceField(q, 'duration', `duration:${durationLiteral(shortest)}..${durationLiteral(longest)}`),
                  from: writeInstant(from),
                  to: writeInstant(to),
                },
                'push',
              )
            }
          />
        ) : heatOpen && heat.isPending ? (
          <div className="chart-space" />
        ) : null}
      </div>
      <div className="list-head">
        <p role="status">
          {first?.total ? (
            <>
              <strong>{formatTotal(first.total)}</strong> {first.total.value === 1 ? 'trace' : 'traces'}
            </>
          ) : (
            <strong>Traces</strong>
          )}
        </p>
        <button type="button" className="button quiet" aria-pressed={heatOpen} onClick={() => setHeatOpen(!heatOpen)}>
          {heatOpen ? 'Hide latency' : 'Show latency'}
        </button>
      </div>
      {first && <Warnings items={first.warnings} complete={first.complete} />}
      <Found
        what="traces"
        answer={found}
        count={traces.length}
        mistake={mistake}
        q={q}
        range={range}
        zone={zone}
        newest={newest}
        onQuery={setQuery}
        onRange={setRange}
      >
        <TraceList
          traces={traces}
          zone={zone}
          searched={q !== ''}
          more={found.hasNextPage ? () => void found.fetchNextPage() : undefined}
          loading={found.isFetchingNextPage}
        />
      </Found>
    </SearchFrame>
  );
}
