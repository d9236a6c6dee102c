// The list of traces: only the rows in view exist. j and k move, Enter opens, c on two of them compares.

import { Link, useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { formatDuration, formatWhole } from '../../model/format';
import { formatClock, formatInstant, type Zone } from '../../model/time';
import type { ServiceShare, TraceSummary } from '../../model/types';
import { ServiceName } from '../../parts/Chip';
import { Icon } from '../../parts/Icon';
import { useHotkeys } from '../../state/hotkeys';
import { usePreferences } from '../../state/preferences';
import { useVisits } from '../../state/visited';

export function TraceList({
  traces,
  zone,
  searched,
  more,
  loading,
}: {
  traces: TraceSummary[];
  zone: Zone;
  searched: boolean;
  more?: () => void;
  loading: boolean;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const [active, setActive] = useState(-1);
  const [picked, setPicked] = useState<TraceSummary | undefined>();
  const { density } = usePreferences();
  const visits = useVisits();
  const seen = new Set(visits.map(one => one.id));
  const longest = Math.max(...traces.map(one => one.duration), 1);
  const virtual = useVirtualizer({
    count: traces.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (density === 'roomy' ? 46 : 38),
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !loading && last >= traces.length - 10) more();
  }, [last, more, loading, traces.length]);

  const move = (step: number) => {
    const next = Math.min(traces.length - 1, Math.max(0, active + step));
    setActive(next);
    virtual.scrollToIndex(next);
    // The row exists after the list has scrolled.
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${next}"] a`)?.focus());
  };
  /** The first is remembered, the second is laid beside it; the same again takes it back. */
  const pick = (trace: TraceSummary | undefined) => {
    if (!trace) return;
    if (!picked || picked.id === trace.id) setPicked(picked ? undefined : trace);
    else void navigate({ to: '/trace/$id/compare/$other', params: { id: picked.id, other: trace.id } });
  };
  useHotkeys([
    { keys: 'c', about: 'Compare this one with another', group: 'Lists', run: () => pick(traces[active]) },
    ...(picked
      ? [{ keys: 'Escape', about: 'Compare nothing', group: 'Lists', hidden: true, run: () => setPicked(undefined) }]
      : []),
    { keys: 'j', about: 'Next row', group: 'Lists', run: () => move(1), hidden: true },
    { keys: 'k', about: 'Previous row', group: 'Lists', run: () => move(-1), hidden: true },
    {
      keys: 'Enter',
      about: 'Open',
      group: 'Lists',
      hidden: true,
      run: () => {
        const trace = traces[Math.max(active, 0)];
        if (trace) void navigate({ to: '/trace/$id', params: { id: trace.id } });
      },
    },
  ]);
  const day = (at: bigint) => formatInstant(at, zone, 'day');
  const today = day(BigInt(Date.now()) * 1_000_000n);
  return (
    <>
      <div className="traces" role="table" aria-label="Traces" aria-rowcount={traces.length + 1}>
        <div className="trace-row trace-head" role="row">
          <span role="columnheader">Root</span>
          <span role="columnheader">Services</span>
          <span role="columnheader" className="num">
            Spans
          </span>
          <span role="columnheader" className="num">
            Errors
          </span>
          <span role="columnheader">Duration</span>
          <span role="columnheader" className="num">
            Start
          </span>
        </div>
        <div className="trace-scroll" role="rowgroup" ref={scroller}>
          <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
            {items.map(item => {
              const trace = traces[item.index]!;
              const { shown, rest } = fitting(trace, (scroller.current?.clientWidth ?? 1200) > 950 ? 34 : 18);
              return (
                <div
                  key={trace.id}
                  role="row"
                  aria-rowindex={item.index + 2}
                  data-index={item.index}
                  className="trace-row"
                  data-picked={picked?.id === trace.id || undefined}
                  data-seen={seen.has(trace.id) || undefined}
                  data-active={item.index === active || undefined}
                  style={{ height: item.size, transform: `translateY(${item.start}px)` }}
                >
                  <span role="cell" className="trace-root">
                    {trace.errors > 0 ? (
                      <Icon name="error" label={trace.failed ? 'failed' : 'has errors'} />
                    ) : (
                      <span className="trace-fine" aria-hidden="true" />
                    )}
                    <Link
                      to="/trace/$id"
                      params={{ id: trace.id }}
                      className="trace-link"
                      onFocus={() => setActive(item.index)}
                    >
                      {trace.name}
                    </Link>
                    <span className="muted truncate">{trace.service}</span>
                    <button
                      type="button"
                      className="button quiet icon-only trace-pick"
                      aria-pressed={picked?.id === trace.id}
                      aria-label={picked && picked.id !== trace.id ? 'Compare with this one' : 'Compare this one'}
                      title="Compare (c)"
                      onClick={() => pick(trace)}
                    >
                      <Icon name="compare" size={14} />
                    </button>
                  </span>
                  <span role="cell" className="trace-services">
                    {shown.map(service => (
                      <ServiceName key={service.name} name={service.name} failed={service.errors > 0} />
                    ))}
                    {rest.length > 0 && (
                      <span className="muted" title={rest.map(one => one.name).join(', ')}>
                        +{rest.length}
                      </span>
                    )}
                  </span>
                  <span role="cell" className="num">
                    {formatWhole(trace.spans)}
                    {searched && trace.matched !== undefined && (
                      <span className="muted small"> · {formatWhole(trace.matched)} match</span>
                    )}
                  </span>
                  <span role="cell" className={`num ${trace.errors > 0 ? 'error-text' : 'muted'}`}>
                    {trace.errors > 0 ? formatWhole(trace.errors) : '0'}
                  </span>
                  <span role="cell" className="trace-duration">
                    {/* Square roots keep fast traces visible beside slow ones. */}
                    <span className="duration-bar" aria-hidden="true">
                      <i
                        data-failed={trace.errors > 0 || undefined}
                        style={{ width: `${Math.max(1, Math.sqrt(trace.duration / longest) * 100)}%` }}
                      />
                    </span>
                    <span className="num">{formatDuration(trace.duration)}</span>
                  </span>
                  <span role="cell" className="num muted nowrap" title={formatInstant(trace.start, zone, 'nano')}>
                    {day(trace.start) === today ? '' : `${day(trace.start).slice(5)} `}
                    {formatClock(trace.start, zone, 'milli')}
                  </span>
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <div role="status" className="trace-picked" hidden={!picked}>
        {picked && (
          <>
            <Icon name="compare" />
            <span>
              <strong>{picked.name}</strong> {formatDuration(picked.duration)}: choose the one to compare it with
            </span>
            <button type="button" className="button" onClick={() => setPicked(undefined)}>
              Cancel <kbd>Esc</kbd>
            </button>
          </>
        )}
      </div>
    </>
  );
}

/** Names of services beside the root's, as many as fit whole; those with errors first. */
function fitting(trace: TraceSummary, letters: number): { shown: ServiceShare[]; rest: ServiceShare[] } {
  const others = trace.services
    .filter(one => one.name !== trace.service)
    .toSorted((a, b) => Number(b.errors > 0) - Number(a.errors > 0));
  let room = letters;
  const shown = others.filter((one, index) => {
    room -= one.name.length + (one.errors > 0 ? 7 : 4);
    return index === 0 || room >= 0;
  });
  return { shown, rest: others.filter(one => !shown.includes(one)) };
}
