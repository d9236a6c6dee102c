// All logs of the trace in time order, each one step from its span.

import { Link } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { TRACE_LOGS_MAX } from '../../../api/trace';
import { formatDuration, formatWhole, plural } from '../../../model/format';
import type { Trace, TraceLog } from '../../../model/trace';
import { ServiceName } from '../../../parts/Chip';
import { Empty, Failed, Loading, Warnings } from '../../../parts/Notice';
import type { useLogs } from './useTraceData';

const ROW = 28;

export function LogsTab({
  trace,
  logs,
  asked,
  onSpan,
}: {
  trace: Trace;
  logs: readonly TraceLog[];
  asked: ReturnType<typeof useLogs>['asked'];
  onSpan: (row: number) => void;
}) {
  const [words, setWords] = useState('');
  const shown = useMemo(() => {
    const lower = words.trim().toLowerCase();
    if (!lower) return logs;
    return logs.filter(({ log }) => `${log.severity} ${log.service} ${log.line}`.toLowerCase().includes(lower));
  }, [logs, words]);
  if (asked.error)
    return <Failed error={asked.error} what="The logs could not be loaded" retry={() => void asked.refetch()} />;
  if (asked.isPending) return <Loading what="Loading the logs" />;
  if (logs.length === 0) {
    return (
      <Empty title="No logs belong to this trace">
        Logs join a trace when their records carry its trace id: most logging bridges of OpenTelemetry add it on their
        own.
      </Empty>
    );
  }
  const total = asked.data?.total?.value ?? logs.length;
  return (
    <div className="trace-tab logs-tab">
      <div className="tab-tools">
        <input
          className="input"
          aria-label="Filter the logs"
          placeholder="Filter: text, severity or service"
          value={words}
          onChange={event => setWords(event.target.value)}
        />
        <span className="muted" role="status">
          {words.trim() ? `${formatWhole(shown.length)} of ${plural(logs.length, 'log')}` : plural(logs.length, 'log')}
        </span>
        <Link to="/logs" search={{ q: `trace:${trace.id}` } as never} className="button">
          Open in Logs
        </Link>
      </div>
      {total > logs.length && (
        <Warnings
          items={[
            `The first ${formatWhole(TRACE_LOGS_MAX)} of ${formatWhole(total)} logs. Open in Logs to search all of them.`,
          ]}
        />
      )}
      {shown.length === 0 ? <Empty title="No log has this text" /> : <LogRows logs={shown} onSpan={onSpan} />}
    </div>
  );
}

function LogRows({ logs, onSpan }: { logs: readonly TraceLog[]; onSpan: (row: number) => void }) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: logs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
  });
  return (
    <div ref={scroller} className="logs-scroller" tabIndex={0} role="region" aria-label="Logs">
      <ol className="log-lines" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(item => {
          const entry = logs[item.index]!;
          const { log, at, row } = entry;
          const bad = log.severity === 'error' || log.severity === 'fatal';
          const words = (
            <>
              <span className="log-offset muted number">{formatDuration(at)}</span>
              <span className="log-severity" data-severity={log.severity}>
                {log.severity === 'unspecified' ? 'log' : log.severity}
              </span>
              <span className="log-service">
                <ServiceName name={log.service} />
              </span>
              <span className={bad ? 'log-body error-text truncate' : 'log-body truncate'}>{log.line}</span>
            </>
          );
          return (
            <li key={log.id} className="log-line row" style={{ transform: `translateY(${item.start}px)` }}>
              {row >= 0 ? (
                <button type="button" title="Show its span" onClick={() => onSpan(row)}>
                  {words}
                </button>
              ) : (
                <div>{words}</div>
              )}
            </li>
          );
        })}
      </ol>
    </div>
  );
}
