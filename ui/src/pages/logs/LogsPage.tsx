import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { ApiError } from '../../api/client';
import { logFacets, logHistogram, searchLogs } from '../../api/logs';
import { useNewest } from '../../api/newest';
import { complete } from '../../api/query';
import { formatTotal } from '../../model/format';
import { addTerm, toggleTerm } from '../../model/query';
import { writeInstant } from '../../model/time';
import type { Log } from '../../model/types';
import { Bars } from '../../parts/Bars';
import { Facets } from '../../parts/Facets';
import { Icon } from '../../parts/Icon';
import { Nothing } from '../../parts/Nothing';
import { Failed, Loading, Warnings } from '../../parts/Notice';
import { QueryBox } from '../../parts/QueryBox';
import { useHotkeys } from '../../state/hotkeys';
import { setPreferences, usePreferences } from '../../state/preferences';
import { useAddress, useRange } from '../../state/url';
import '../../style/search.css';
import { LiveTail } from './LiveTail';
import { LogDetail } from './LogDetail';
import { LogList } from './LogList';
import './logs.css';
import { Patterns } from './Patterns';

const PAGE = 200;
type View = 'list' | 'patterns' | 'live';
const VIEWS: { key: View; label: string }[] = [
  { key: 'list', label: 'List' },
  { key: 'patterns', label: 'Patterns' },
  { key: 'live', label: 'Live' },
];

export function LogsPage() {
  const { search, set } = useAddress();
  const { range, setRange } = useRange();
  const { zone, facetsOpen } = usePreferences();
  const q = search.q ?? '';
  const asked = { q, ...range };
  const view: View = search.view === 'live' || search.view === 'patterns' ? search.view : 'list';

  const found = useInfiniteQuery({
    queryKey: ['logs', asked],
    queryFn: ({ signal, pageParam }) => searchLogs(asked, PAGE, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.cursor,
    enabled: view === 'list',
  });
  const facets = useQuery({
    queryKey: ['log facets', asked],
    queryFn: ({ signal }) => logFacets(asked, signal),
    enabled: facetsOpen,
  });
  const histogram = useQuery({
    queryKey: ['log histogram', asked],
    queryFn: ({ signal }) => logHistogram(asked, 80, signal),
    enabled: view !== 'live',
  });

  const setQuery = (next: string) => set({ q: next || undefined, log: undefined }, 'push');
  const setView = (next: View) => set({ view: next === 'list' ? undefined : next, log: undefined }, 'push');
  const select = (log: Log | undefined) => set({ log: log?.id });
  useHotkeys([
    { keys: '.', about: 'Live on and off', group: 'Logs', run: () => setView(view === 'live' ? 'list' : 'live') },
    { keys: 'Escape', about: 'Close details', group: 'Logs', run: () => select(undefined), hidden: true },
  ]);
  const logs = found.data?.pages.flatMap(page => page.items) ?? [];
  const first = found.data?.pages[0];
  const newest = useNewest('logs', logs.length === 0 && found.isSuccess);
  const mistake = found.error instanceof ApiError && found.error.status === 400 ? found.error : undefined;
  const chosen = search.log;

  return (
    <div
      className="search-page"
      data-facets={facetsOpen ? 'open' : 'closed'}
      data-drawer={chosen === undefined ? undefined : 'open'}
    >
      <h1 className="visually-hidden">Logs</h1>
      <div className="search-head">
        <button
          type="button"
          className="button quiet icon-only"
          aria-pressed={facetsOpen}
          aria-label="Facets"
          title="Facets"
          onClick={() => setPreferences({ facetsOpen: !facetsOpen })}
        >
          <Icon name="filter" />
        </button>
        <QueryBox
          label="Query for logs"
          placeholder={'severity:error "card declined" service:payment'}
          value={q}
          onRun={setQuery}
          complete={(text, cursor, signal) => complete('logs', text, cursor, signal)}
          mistake={mistake}
        />
      </div>
      {facetsOpen && (
        <aside className="search-facets" aria-label="Facets">
          {facets.data ? (
            <Facets facets={facets.data} q={q} onToggle={term => setQuery(toggleTerm(q, term))} />
          ) : facets.isError && !mistake ? (
            <Failed what="No facets" error={facets.error} retry={() => void facets.refetch()} />
          ) : null}
        </aside>
      )}
      <div className="search-main">
        {view !== 'live' && (
          <div className="search-chart" data-open={!histogram.data || histogram.data.bars.length > 0}>
            {histogram.data && histogram.data.bars.length > 0 ? (
              <Bars
                title="Logs over time"
                data={histogram.data}
                zone={zone}
                onZoom={(from, to) => setRange({ from: writeInstant(from), to: writeInstant(to) })}
              />
            ) : histogram.isError && !mistake ? (
              <Failed what="No counts over time" error={histogram.error} retry={() => void histogram.refetch()} />
            ) : histogram.isPending ? (
              <div className="chart-space low" />
            ) : null}
          </div>
        )}
        <div className="list-head">
          <p role="status">
            {view === 'live' ? (
              <strong>New logs as they arrive</strong>
            ) : first?.total ? (
              <>
                <strong>{formatTotal(first.total)}</strong> logs
              </>
            ) : (
              <strong>Logs</strong>
            )}
          </p>
          <div className="segmented" role="group" aria-label="View">
            {VIEWS.map(one => (
              <button key={one.key} type="button" aria-pressed={view === one.key} onClick={() => setView(one.key)}>
                {one.key === 'live' && <Icon name="live" size={14} />} {one.label}
              </button>
            ))}
          </div>
        </div>
        {view === 'live' ? (
          <LiveTail key={q} q={q} zone={zone} chosen={chosen} onChoose={select} />
        ) : view === 'patterns' ? (
          <Patterns asked={asked} onFilter={term => set({ q: addTerm(q, term), view: undefined }, 'push')} />
        ) : (
          <>
            {first && <Warnings items={first.warnings} complete={first.complete} />}
            {found.isPending ? (
              <Loading what="Searching logs" />
            ) : found.isError && logs.length === 0 ? (
              mistake ? (
                <Failed what="The query cannot be read" error={mistake} />
              ) : (
                <Failed what="The search failed" error={found.error} retry={() => void found.refetch()} />
              )
            ) : logs.length === 0 ? (
              <Nothing
                what="logs"
                q={q}
                range={range}
                zone={zone}
                onQuery={setQuery}
                onRange={setRange}
                newest={newest}
              />
            ) : (
              <LogList
                logs={logs}
                zone={zone}
                chosen={chosen}
                onChoose={select}
                more={found.hasNextPage ? () => void found.fetchNextPage() : undefined}
                loading={found.isFetchingNextPage}
              />
            )}
          </>
        )}
      </div>
      {chosen !== undefined && (
        <LogDetail
          key={chosen}
          id={chosen}
          known={logs.find(one => one.id === chosen)}
          zone={zone}
          onClose={() => select(undefined)}
          onChoose={select}
          onFilter={term => setQuery(addTerm(q, term))}
        />
      )}
    </div>
  );
}
