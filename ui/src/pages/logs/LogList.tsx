// Rows of logs: only those in view exist. j and k move, Enter shows the fields.

import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useRef } from 'react';
import { severityVariable } from '../../model/severity';
import { formatClock, formatInstant, type Zone } from '../../model/time';
import type { Log } from '../../model/types';
import { ServiceName } from '../../parts/Chip';
import { useHotkeys } from '../../state/hotkeys';
import { usePreferences } from '../../state/preferences';

export interface LogListProps {
  logs: Log[];
  zone: Zone;
  chosen: string | undefined;
  onChoose: (log: Log | undefined) => void;
  more?: () => void;
  loading?: boolean;
  /** Newest at the foot, and kept in view. */
  follow?: boolean;
  onScrolled?: (atFoot: boolean) => void;
}

export function LogList({ logs, zone, chosen, onChoose, more, loading, follow, onScrolled }: LogListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const { density } = usePreferences();
  const virtual = useVirtualizer({
    count: logs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (density === 'roomy' ? 32 : 25),
    getItemKey: index => logs[index]!.id,
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !loading && last >= logs.length - 20) more();
  }, [last, more, loading, logs.length]);
  useEffect(() => {
    if (follow && logs.length > 0) virtual.scrollToIndex(logs.length - 1, { align: 'end' });
  }, [follow, logs, virtual]);

  const move = (step: number) => {
    const at = logs.findIndex(one => one.id === chosen);
    const next = Math.min(logs.length - 1, Math.max(0, at + step));
    const log = logs[next];
    if (!log) return;
    virtual.scrollToIndex(next);
    onChoose(log);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${next}"] button`)?.focus());
  };
  useHotkeys([
    { keys: 'j', about: 'Next row', group: 'Lists', run: () => move(1), hidden: true },
    { keys: 'k', about: 'Previous row', group: 'Lists', run: () => move(-1), hidden: true },
  ]);
  return (
    <div className="logs" role="table" aria-label="Logs" aria-rowcount={logs.length + 1}>
      <div className="log-row log-head" role="row">
        <span role="columnheader">Time</span>
        <span role="columnheader">Severity</span>
        <span role="columnheader">Service</span>
        <span role="columnheader">Body</span>
      </div>
      <div
        className="log-scroll"
        role="rowgroup"
        ref={scroller}
        onScroll={event => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          onScrolled?.(scrollHeight - scrollTop - clientHeight < 30);
        }}
      >
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map(item => (
            <Row
              key={item.key}
              log={logs[item.index]!}
              index={item.index}
              top={item.start}
              height={item.size}
              zone={zone}
              chosen={logs[item.index]!.id === chosen}
              onChoose={onChoose}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

const Row = memo(function Row({
  log,
  index,
  top,
  height,
  zone,
  chosen,
  onChoose,
}: {
  log: Log;
  index: number;
  top: number;
  height: number;
  zone: Zone;
  chosen: boolean;
  onChoose: (log: Log | undefined) => void;
}) {
  return (
    <div
      className="log-row"
      role="row"
      aria-rowindex={index + 2}
      data-index={index}
      data-severity={log.severity}
      data-chosen={chosen || undefined}
      style={{
        height,
        transform: `translateY(${top}px)`,
        ['--severity' as string]: `var(${severityVariable(log.severity)})`,
      }}
    >
      <span role="cell" className="mono muted nowrap" title={formatInstant(log.time, zone, 'nano')}>
        {formatClock(log.time, zone, 'milli')}
      </span>
      <span role="cell" className="log-severity">
        {log.severity === 'unspecified' ? '–' : log.severity}
      </span>
      <span role="cell" className="log-service">
        <ServiceName name={log.service} />
      </span>
      <span role="cell" className="log-body">
        <button type="button" aria-pressed={chosen} onClick={() => onChoose(chosen ? undefined : log)}>
          {log.line || log.event || '(empty)'}
        </button>
      </span>
    </div>
  );
});
