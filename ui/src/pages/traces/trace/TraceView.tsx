// A trace that is there: header, tabs, the panel of one span, and the keys.

import { memo, useCallback, useMemo, useRef, useState } from 'react';
import { formatWhole, plural } from '../../../model/format';
import { skewedServices, type Trace, type Usual } from '../../../model/trace';
import { failedRows, find } from '../../../model/traceFind';
import { criticalRows, withAncestors } from '../../../model/traceRows';
import { Tabs } from '../../../parts/Tabs';
import { useHotkeys } from '../../../state/hotkeys';
import { useAddress } from '../../../state/url';
import { FindBar } from '../waterfall/FindBar';
import { LETTERS } from '../waterfall/keys';
import { readZoom, writeZoom } from '../waterfall/view';
import type { Waterfall, WaterfallOptions } from '../waterfall/Waterfall';
import { WaterfallView } from '../waterfall/WaterfallView';
import { FlameTab } from './FlameTab';
import { HopsTab } from './HopsTab';
import { LogsTab } from './LogsTab';
import { RawTab } from './RawTab';
import { SpanPanel } from './SpanPanel';
import { SpansTab } from './SpansTab';
import { StoryTab } from './StoryTab';
import { TraceHeader } from './TraceHeader';
import { useSpanInAddress } from './useSpanInAddress';
import { useLogs, usePrefetch, useSegments, useSpanIndex, useWhy } from './useTraceData';
import { WaterfallTools } from './WaterfallTools';

const TABS = ['waterfall', 'hops', 'flame', 'logs', 'spans', 'story', 'raw'] as const;
type TabKey = (typeof TABS)[number];

const Header = memo(TraceHeader);
const NO_USUAL: ReadonlyMap<number, Usual> = new Map();

export function TraceView({ trace }: { trace: Trace }) {
  const { search, set } = useAddress();
  const index = useSpanIndex(trace)!;
  const { logs, asked } = useLogs(trace.id, trace, index);
  const segments = useSegments(trace.id, trace, index);
  const { why, usual } = useWhy(trace.id, trace, index);
  const { events, prefetch } = usePrefetch(trace, index);
  const waterfall = useRef<Waterfall | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const [active, setActive] = useState(-1);
  const [findFocused, setFindFocused] = useState(false);

  const tab: TabKey = TABS.find(one => one === search.tab) ?? 'waterfall';
  const showLogs = search.logs === '1';
  const onlyCritical = search.only === 'critical';
  const adjusted = search.clock !== 'raw';
  const hide = search.found === 'only';
  const showUsual = search.usual !== '0';
  const query = search.find ?? '';

  const [span, openSpan] = useSpanInAddress(trace, search.span, set, index);
  const found = useMemo(() => find(trace, query), [trace, query]);
  const errors = useMemo(() => failedRows(trace), [trace]);
  const searching = query.trim() !== '' && !found.problem;
  const keep = useMemo(() => {
    if (searching && hide) return withAncestors(trace, found.matches);
    return onlyCritical ? withAncestors(trace, criticalRows(trace)) : undefined;
  }, [trace, found, searching, hide, onlyCritical]);
  const options: WaterfallOptions = useMemo(
    () => ({
      logs,
      showLogs,
      segments,
      events,
      usual: showUsual ? usual : NO_USUAL,
      keep,
      matches: searching ? found.matches : undefined,
      adjusted,
    }),
    [logs, showLogs, segments, events, usual, showUsual, keep, searching, found, adjusted],
  );

  const go = useCallback((next: TabKey) => set({ tab: next === 'waterfall' ? undefined : next }, 'push'), [set]);
  const show = useCallback(
    (row: number) => {
      openSpan(row);
      waterfall.current?.select(row, { quiet: true, center: true });
    },
    [openSpan],
  );
  const toFind = useCallback(
    (words: string) => {
      set({ find: words, tab: undefined }, 'push');
      const first = find(trace, words).rows[0];
      if (first !== undefined) waterfall.current?.select(first, { center: true });
    },
    [set, trace],
  );
  const showId = useCallback(
    (id: string) => {
      const row = index.row(id);
      if (row < 0) return;
      set({ tab: undefined });
      show(row);
    },
    [index, set, show],
  );
  const step = (rows: Int32Array, way: 1 | -1) => waterfall.current?.goTo(rows, way);
  const setAdjusted = useCallback((yes: boolean) => set({ clock: yes ? undefined : 'raw' }), [set]);
  const toggle = {
    logs: () => set({ logs: showLogs ? undefined : '1' }),
    critical: () => set({ only: onlyCritical ? undefined : 'critical' }),
    usual: () => set({ usual: showUsual ? '0' : undefined }),
  };

  const group = 'Trace';
  const nextView = {
    keys: 'v',
    about: 'Next view',
    group,
    run: () => go(TABS[(TABS.indexOf(tab) + 1) % TABS.length]!),
  };
  useHotkeys(
    tab !== 'waterfall'
      ? [nextView, { keys: 'Escape', about: 'Close the panel', group, run: () => openSpan(-1), hidden: true }]
      : [
          nextView,
          ...LETTERS.map(({ keys, about, command }) => ({
            keys,
            about,
            group,
            hidden: true,
            run: () => waterfall.current?.run(command),
          })),
          { keys: 'e', about: 'Next error', group, run: () => step(errors, 1) },
          { keys: 'Shift+E', about: 'Previous error', group, run: () => step(errors, -1) },
          { keys: 'p', about: 'Only the critical path', group, run: toggle.critical },
          { keys: 'l', about: 'Logs between the spans', group, run: toggle.logs },
          { keys: 'n', about: 'The usual behind the bars', group, run: toggle.usual },
          { keys: 'Escape', about: 'Close the panel', group, run: () => openSpan(-1), hidden: true },
          // Pressed again, while the field has the focus, the key is the browser's own.
          ...(findFocused
            ? []
            : [{ keys: 'Mod+f', about: 'Find in the trace', group, run: () => input.current?.select(), hidden: true }]),
        ],
  );

  const place = searching && active >= 0 ? found.rows.indexOf(active) + 1 : 0;
  return (
    <div className="trace-page">
      <Header trace={trace} why={why} adjusted={adjusted} onAdjusted={setAdjusted} onFind={toFind} onSpanId={showId} />
      <div className="trace-body" data-panel={span >= 0}>
        <Tabs
          label="Views of the trace"
          className="trace-tabs"
          chosen={tab}
          onChoose={go}
          tabs={[
            { key: 'waterfall', label: 'Waterfall' },
            { key: 'hops', label: 'Hops' },
            { key: 'flame', label: 'Flame' },
            { key: 'logs', label: asked.data ? `Logs ${formatWhole(asked.data.total?.value ?? logs.length)}` : 'Logs' },
            { key: 'spans', label: 'Spans' },
            { key: 'story', label: 'Story' },
            { key: 'raw', label: 'Raw' },
          ]}
        >
          <div className="waterfall-tab" hidden={tab !== 'waterfall'}>
            <div className="waterfall-bar">
              <FindBar
                query={query}
                found={found.rows.length}
                place={place}
                problem={found.problem}
                hide={hide}
                input={input}
                onQuery={words => set({ find: words || undefined, found: words ? search.found : undefined })}
                onStep={way => step(found.rows, way)}
                onHide={only => set({ found: only ? 'only' : undefined })}
                onFocused={setFindFocused}
                onLeave={() => waterfall.current?.focus()}
              />
              <WaterfallTools
                errors={errors.length}
                logs={logs.length}
                showLogs={showLogs}
                onlyCritical={onlyCritical}
                usual={usual.size > 0}
                showUsual={showUsual}
                skewed={skewedServices(trace).length > 0}
                adjusted={adjusted}
                zoomed={search.zoom !== undefined}
                onError={way => step(errors, way)}
                onLogs={toggle.logs}
                onCritical={toggle.critical}
                onUsual={toggle.usual}
                onAdjusted={() => setAdjusted(!adjusted)}
                onCommand={command => waterfall.current?.run(command)}
              />
            </div>
            <WaterfallView
              trace={trace}
              options={options}
              handle={waterfall}
              start={made => {
                const zoom = readZoom(search.zoom);
                if (zoom) made.setView(zoom, false);
                if (span >= 0) made.select(span, { quiet: true, center: true });
                else if (tab === 'waterfall') made.focus();
              }}
              events={{
                onSelect: row => {
                  setActive(row);
                  if (span >= 0 && row >= 0) openSpan(row);
                },
                onOpen: openSpan,
                onOpenLog: log => log.row >= 0 && openSpan(log.row),
                onZoom: view => set({ zoom: view && writeZoom(view) }),
                onShown: spans => void prefetch(spans),
                onPainted: markPainted,
              }}
            />
          </div>
          {tab === 'hops' && <HopsTab trace={trace} index={index} why={why} onSpan={show} />}
          {tab === 'flame' && <FlameTab trace={trace} index={index} onSpan={openSpan} onFind={toFind} />}
          {tab === 'logs' && <LogsTab trace={trace} logs={logs} asked={asked} onSpan={show} />}
          {tab === 'spans' && <SpansTab trace={trace} onFind={toFind} onSpan={show} />}
          {tab === 'story' && <StoryTab trace={trace} />}
          {tab === 'raw' && <RawTab trace={trace} />}
        </Tabs>
        {span >= 0 && span < trace.length && (
          <SpanPanel
            trace={trace}
            span={span}
            logs={logs}
            adjusted={adjusted}
            onClose={() => {
              openSpan(-1);
              waterfall.current?.focus();
            }}
            onSpan={show}
            onZoom={() => {
              if (tab !== 'waterfall') go('waterfall');
              waterfall.current?.select(span, { quiet: true, center: true });
              waterfall.current?.run('zoomToSpan');
            }}
          />
        )}
      </div>
      <p className="visually-hidden" role="status">
        {plural(trace.summary.spans, 'span')} loaded
      </p>
    </div>
  );
}

let painted = false;

/** A mark in the browser's timeline, for measuring how long it took until something was to be seen. */
function markPainted(): void {
  if (painted) return;
  painted = true;
  performance.mark('hopline:waterfall-painted');
}
