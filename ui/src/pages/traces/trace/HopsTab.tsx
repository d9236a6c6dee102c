// The ledger of hops: each call from one service to another, and where its time went.

import { useMemo } from 'react';
import { formatDuration, plural } from '../../../model/format';
import type { SpanIndex, Trace } from '../../../model/trace';
import type { Hop } from '../../../model/traceHops';
import { ServiceName } from '../../../parts/Chip';
import { Empty, Failed, Loading, Warnings } from '../../../parts/Notice';
import { HopDiagram } from './HopDiagram';
import { useHops } from './useTraceData';
import './hops.css';

/** As many as a picture or a table can show. */
const DRAWN_MAX = 60;
const ROWS_MAX = 500;

export function HopsTab({ trace, index, onSpan }: { trace: Trace; index: SpanIndex; onSpan: (row: number) => void }) {
  const asked = useHops(trace.id, trace.startUnixNano);
  const hops = useMemo(() => asked.data?.hops ?? [], [asked.data]);
  if (asked.error)
    return <Failed error={asked.error} what="The hops could not be loaded" retry={() => void asked.refetch()} />;
  if (asked.isPending) return <Loading what="Following the hops" />;
  if (hops.length === 0) {
    return (
      <Empty title="No hop left its service">
        A hop is a call from one service to another, to a queue, a database or a named peer. All spans here belong to
        one service.
      </Empty>
    );
  }
  const open = (hop: Hop) => {
    const row = index.row(hop.callee.spanId ?? hop.caller.spanId ?? '');
    if (row >= 0) onSpan(row);
  };
  const rows = hops.slice(0, ROWS_MAX);
  return (
    <div className="trace-tab hops-tab" tabIndex={0} role="region" aria-label="Hops">
      {asked.data && asked.data.defects.length > 0 && <Warnings items={asked.data.defects} />}
      <HopDiagram hops={hops.slice(0, DRAWN_MAX)} onOpen={open} />
      {hops.length > DRAWN_MAX && (
        <p className="muted table-note">
          The picture has the first {DRAWN_MAX} of {plural(hops.length, 'hop')}; the table below goes on.
        </p>
      )}
      <div className="table-wrap">
        <table className="table hops-table">
          <thead>
            <tr>
              <th className="num">Hop</th>
              <th>From</th>
              <th>To</th>
              <th>Call</th>
              <th className="num">Caller waited</th>
              <th className="num">Network</th>
              <th className="num">Queue</th>
              <th className="num">Callee took</th>
              <th className="num">In itself</th>
              <th className="num">Critical path</th>
              <th>State</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(hop => (
              <tr key={hop.hop}>
                <td className="num">{hop.hop}</td>
                <td>
                  <span style={{ paddingInlineStart: `${Math.min(Math.max(hop.depth - 1, 0), 10) * 0.75}rem` }}>
                    <ServiceName name={hop.caller.service} />
                  </span>
                </td>
                <td>
                  <ServiceName name={hop.callee.service} />
                </td>
                <td>
                  <button type="button" className="fact-link" title="Show the span" onClick={() => open(hop)}>
                    {hop.callee.operation ?? hop.caller.operation ?? hop.kind}
                  </button>{' '}
                  <span className="muted small">
                    {[hop.protocol, hop.via && `via ${hop.via}`].filter(Boolean).join(' ')}
                  </span>
                </td>
                <Nano value={hop.client} />
                <Nano value={hop.network} />
                <Nano value={hop.queue} />
                <Nano value={hop.server} />
                <Nano value={hop.self} />
                <Nano value={hop.critical} />
                <td className={hop.failed ? 'error-text' : 'muted'}>{hopState(hop)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {hops.length > ROWS_MAX && (
        <p className="muted table-note">
          The first {ROWS_MAX} of {plural(hops.length, 'hop')}; the SQL table hops has all of them.
        </p>
      )}
    </div>
  );
}

function hopState(hop: Hop): string {
  const words: string[] = [];
  if (hop.failed) words.push(hop.firstCause ? 'error, first cause' : 'error');
  if (hop.attempt > 1) words.push(`attempt ${hop.attempt}`);
  if (hop.pairing === 'inferred' || hop.pairing === 'peer') words.push('callee sends no spans');
  if (hop.logs > 0) words.push(plural(hop.logs, 'log'));
  return words.join(' · ');
}

function Nano({ value }: { value: number | undefined }) {
  return <td className="num">{value ? formatDuration(value) : <span className="muted">–</span>}</td>;
}
