import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { ApiError } from '../../api/client';
import { logFacets, logHistogram, searchLogs } from '../../api/logs';
import { useNewest } from '../../api/newest';
import { complete } from '../../api/query';
import { formatTotal } from '../../model/format';
import { addTerm } from '../../model/query';
import { writeInstant } from '../../model/time';
import type { Log } from '../../model/types';
import { Bars } from '../../parts/Bars';
import { Icon } from '../../parts/Icon';
import { Failed, Warnings } from '../../parts/Notice';
import { Found, SearchFrame } from '../../parts/SearchFrame';
import { useHotkeys } from '../../state/hotkeys';
import { usePreferences } from '../../state/preferences';
import { useAddress, useRange } from '../../state/url';
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
    <SearchFrame
      title="Logs"
      placeholder={'severity:error "card declined" service:payment'}
      q={q}
      onQuery={setQuery}
      complete={(text, cursor, signal) => complete('logs', text, cursor, signal)}
      mistake={mistake}
      facets={facets}
      drawer={
        chosen !== undefined && (
          <LogDetail
            key={chosen}
            id={chosen}
            known={logs.find(one => one.id === chosen)}
            zone={zone}
            onClose={() => select(undefined)}
            onChoose={select}
            onFilter={term => setQuery(addTerm(q, term))}
          />
        )
      }
    >
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
              <strong>{formatTotal(first.total)}</strong> {first.total.value === 1 ? 'log' : 'logs'}
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
          <Found
            what="logs"
            answer={found}
            count={logs.length}
            mistake={mistake}
            q={q}
            range={range}
            zone={zone}
            newest={newest}
            onQuery={setQuery}
            onRange={setRange}
          >
            <LogList
              logs={logs}
              zone={zone}
              chosen={chosen}
              onChoose={select}
              more={found.hasNextPage ? () => void found.fetchNextPage() : undefined}
              loading={found.isFetchingNextPage}
            />
          </Found>
        </>
      )}
    </SearchFrame>
  );
}
