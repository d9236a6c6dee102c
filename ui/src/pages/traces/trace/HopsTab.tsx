// The ledger of hops: each call from one service to another, and where its time went.

import { useMemo } from 'react';
import type { WhyWire } from '../../../api/traceWire';
import { formatDuration, plural } from '../../../model/format';
import { isUnusual, type SpanIndex, startOf, type Trace, text } from '../../../model/trace';
import { type Hop, hopTime } from '../../../model/traceHops';
import { ServiceName } from '../../../parts/Chip';
import { Icon } from '../../../parts/Icon';
import { Empty, Failed, Loading } from '../../../parts/Notice';
import { type Entry, HopDiagram } from './HopDiagram';
import { useHops } from './useTraceData';
import './hops.css';

/** As many as a picture or a table can show. */
const DRAWN_MAX = 60;
const ROWS_MAX = 500;

export function HopsTab({
  trace,
  index,
  why,
  onSpan,
}: {
  trace: Trace;
  index: SpanIndex;
  why: WhyWire | undefined;
  onSpan: (row: number) => void;
}) {
  const asked = useHops(trace.id, trace.startUnixNano);
  const hops = useMemo(() => asked.data?.hops ?? [], [asked.data]);
  const usual = useMemo(() => new Map((why?.usual ?? []).map(one => [one.hop, one])), [why]);
  const entry = useMemo(() => entryOf(trace), [trace]);
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
      {asked.data && asked.data.defects.length > 0 && (
        <details className="hop-defects">
          <summary>
            <Icon name="warning" size={14} />
            {plural(asked.data.defects.length, 'note')} on the spans themselves
          </summary>
          <ul>
            {asked.data.defects.map(words => (
              <li key={words}>{words}</li>
            ))}
          </ul>
        </details>
      )}
      <HopDiagram hops={hops.slice(0, DRAWN_MAX)} entry={entry} onOpen={open} />
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
              {usual.size > 0 && <th className="num">Usually</th>}
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
                <Nano
                  value={hop.client}
                  bad={isUnusual(hopTime(hop), usual.get(hop.hop)?.nano ?? hopTime(hop)) && slower(hop, usual)}
                />
                {usual.size > 0 && <Nano value={usual.get(hop.hop)?.nano} />}
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

function Nano({ value, bad = false }: { value: number | undefined; bad?: boolean }) {
  return (
    <td className={bad ? 'num warn-text' : 'num'}>
      {value ? formatDuration(value) : <span className="muted">–</span>}
    </td>
  );
}

const slower = (hop: Hop, usual: ReadonlyMap<number, { nano: number }>) =>
  hopTime(hop) > (usual.get(hop.hop)?.nano ?? Number.POSITIVE_INFINITY);

/** The first span that has no parent: the request itself. */
function entryOf(trace: Trace): Entry | undefined {
  const row = trace.parent.indexOf(-1);
  if (row < 0 || !text(trace.service, row)) return undefined;
  const start = startOf(trace, row, true);
  return {
    service: text(trace.service, row),
    name: text(trace.name, row),
    start,
    end: start + trace.duration[row]!,
    failed: trace.failed[row] === 1,
  };
}
