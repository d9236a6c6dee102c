// One span in full: times, attributes by group, events, links both ways, its logs.

import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { sinceStart } from '../../../api/trace';
import type { SpanLinkWire, SpanWire } from '../../../api/wire';
import { formatDuration, formatShare } from '../../../model/format';
import { formatInstant } from '../../../model/time';
import { hasMark, Mark, selfTimes, startOf, type Trace, type TraceLog, text } from '../../../model/trace';
import { ServiceName } from '../../../parts/Chip';
import { CopyButton } from '../../../parts/Copy';
import { Drawer } from '../../../parts/Drawer';
import { Failed, Loading } from '../../../parts/Notice';
import { usePreferences } from '../../../state/preferences';
import { AttributeGroups, AttributeTable } from './Attributes';
import { LogLine } from './LogLine';
import { useSpan, useStory } from './useTraceData';
import './panel.css';

const LOGS_SHOWN = 100;

export function SpanPanel({
  trace,
  span,
  logs,
  adjusted,
  onClose,
  onSpan,
  onZoom,
}: {
  trace: Trace;
  span: number;
  logs: readonly TraceLog[];
  adjusted: boolean;
  onClose: () => void;
  onSpan: (row: number) => void;
  onZoom: () => void;
}) {
  const missing = hasMark(trace, span, Mark.missing);
  const id = trace.spanIds.at(span) ?? undefined;
  const details = useSpan(trace.id, missing ? undefined : id);
  const own = useMemo(() => logs.filter(log => log.row === span), [logs, span]);
  return (
    <Drawer
      title={
        <div className="span-title">
          <ServiceName name={text(trace.service, span)} />
          <h2>{text(trace.name, span) || '(no name)'}</h2>
        </div>
      }
      onClose={onClose}
    >
      <div className="span-panel">
        <div className="span-actions">
          <button type="button" className="button" onClick={onZoom}>
            Zoom to it
          </button>
          {trace.parent[span]! >= 0 && (
            <button type="button" className="button" onClick={() => onSpan(trace.parent[span]!)}>
              To its parent
            </button>
          )}
          {details.data && <CopyButton text={JSON.stringify(details.data, null, 2)} label="Copy as JSON" />}
        </div>
        <Said trace={trace} span={span} />
        <Times trace={trace} span={span} adjusted={adjusted} details={details.data ?? undefined} />
        {details.data ? (
          <Details trace={trace} details={details.data} />
        ) : details.error ? (
          <Failed error={details.error} what="The details could not be loaded" retry={() => void details.refetch()} />
        ) : missing ? null : (
          <Loading what="Loading the details" />
        )}
        {own.length > 0 && (
          <section>
            <h3>
              Logs of this span <span className="muted">{own.length}</span>
            </h3>
            <ol className="log-lines">
              {own.slice(0, LOGS_SHOWN).map(log => (
                <LogLine key={log.log.id} log={log} since={startOf(trace, span, false)} />
              ))}
            </ol>
            {own.length > LOGS_SHOWN && <p className="muted">The first {LOGS_SHOWN}; the Logs tab has all of them.</p>}
          </section>
        )}
        <LinksIn trace={trace} spanId={id} />
      </div>
    </Drawer>
  );
}

/** What is special about it, each as a sentence. */
function Said({ trace, span }: { trace: Trace; span: number }) {
  const marks = trace.marks[span]!;
  const message = trace.statusMessages.at(span);
  const said: { words: string; bad?: boolean }[] = [];
  if (trace.failed[span]) said.push({ words: message ? `Failed: ${message}` : 'Failed without a message.', bad: true });
  if (marks & Mark.firstCause)
    said.push({ words: 'The first cause: what failed above it failed because of it.', bad: true });
  else if (marks & Mark.causedBy) said.push({ words: 'It failed because something below it failed.' });
  if (marks & Mark.missing) said.push({ words: 'Spans name it as their parent, but it never arrived.' });
  if (marks & Mark.orphan) said.push({ words: 'Its parent never arrived.' });
  if (marks & Mark.inProgress) said.push({ words: 'It has not ended, as far as its children show.' });
  if (marks & Mark.cycleCut) said.push({ words: 'Its parents went round in a circle, which was cut here.' });
  if (marks & Mark.duplicateId) said.push({ words: 'Its id was used by another span, too: details may be of either.' });
  if (trace.skew[span] !== 0)
    said.push({ words: `Its clock is off by about ${formatDuration(Math.abs(trace.skew[span]!))}.` });
  if (said.length === 0) return null;
  return (
    <ul className="span-said">
      {said.map(one => (
        <li key={one.words} data-bad={one.bad}>
          {one.words}
        </li>
      ))}
    </ul>
  );
}

const selfByTrace = new WeakMap<Trace, Float64Array>();

function selfOf(trace: Trace, span: number): number {
  let self = selfByTrace.get(trace);
  if (!self) {
    self = selfTimes(trace);
    selfByTrace.set(trace, self);
  }
  return self[span]!;
}

function Times({
  trace,
  span,
  adjusted,
  details,
}: {
  trace: Trace;
  span: number;
  adjusted: boolean;
  details: SpanWire | undefined;
}) {
  const { zone } = usePreferences();
  const duration = trace.duration[span]!;
  const start = startOf(trace, span, adjusted);
  const rows: [string, string, string?][] = [
    ['Duration', formatDuration(duration), `${formatShare(duration, trace.summary.duration)} of the trace`],
    ['In itself', formatDuration(selfOf(trace, span)), `${formatShare(selfOf(trace, span), duration)} of it`],
  ];
  const critical = trace.critical[span]!;
  if (critical > 0)
    rows.push([
      'Critical path',
      formatDuration(critical),
      `${formatShare(critical, trace.summary.duration)} of the trace`,
    ]);
  rows.push([
    'Start',
    formatDuration(start),
    formatInstant(trace.startUnixNano + BigInt(Math.round(start)), zone, 'nano'),
  ]);
  const kind = text(trace.kind, span);
  if (kind && kind !== 'unspecified') rows.push(['Kind', kind]);
  const version = text(trace.version, span);
  if (version) rows.push(['Version', version]);
  if (details?.service_instance_id) rows.push(['Instance', details.service_instance_id]);
  if (details?.deployment_environment_name) rows.push(['Environment', details.deployment_environment_name]);
  if (details?.scope_name) rows.push(['Scope', details.scope_name]);
  const id = trace.spanIds.at(span);
  return (
    <dl className="pairs">
      {rows.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value} {more && <span className="muted">{more}</span>}
          </dd>
        </div>
      ))}
      {id && (
        <div>
          <dt>Span id</dt>
          <dd className="with-copy">
            <code>{id}</code>
            <CopyButton text={id} />
          </dd>
        </div>
      )}
    </dl>
  );
}

function Details({ trace, details }: { trace: Trace; details: SpanWire }) {
  const attributes = Object.keys(details.attributes ?? {}).length;
  return (
    <>
      {attributes > 0 && (
        <section>
          <h3>
            Attributes <span className="muted">{attributes}</span>
          </h3>
          <AttributeGroups attributes={details.attributes!} />
        </section>
      )}
      {(details.events?.length ?? 0) > 0 && (
        <section>
          <h3>
            Events <span className="muted">{details.events!.length}</span>
          </h3>
          <ol className="span-events">
            {details.events!.map((event, place) => (
              <li key={place} data-bad={event.name === 'exception'}>
                <div className="span-event-head">
                  <strong>{event.name}</strong>
                  <span className="muted">at {formatDuration(sinceStart(event.time, trace))}</span>
                </div>
                <AttributeTable attributes={event.attributes ?? {}} />
              </li>
            ))}
          </ol>
        </section>
      )}
      {(details.links?.length ?? 0) > 0 && (
        <section>
          <h3>
            Links to <span className="muted">{details.links!.length}</span>
          </h3>
          <ul className="span-links">
            {details.links!.map((link, place) => (
              <li key={place}>
                <SpanLink trace={trace} link={link} />
                <AttributeTable attributes={link.attributes ?? {}} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <Dropped details={details} />
      <details className="more">
        <summary>Resource ({Object.keys(details.resource ?? {}).length})</summary>
        <AttributeTable attributes={details.resource ?? {}} />
      </details>
      {Object.keys(details.scope ?? {}).length > 0 && (
        <details className="more">
          <summary>Instrumentation scope</summary>
          <AttributeTable attributes={details.scope ?? {}} />
        </details>
      )}
    </>
  );
}

function Dropped({ details }: { details: SpanWire }) {
  const dropped = [
    [details.dropped_attributes_count, 'attributes'],
    [details.dropped_events_count, 'events'],
    [details.dropped_links_count, 'links'],
  ].filter(([count]) => count);
  if (dropped.length === 0) return null;
  return (
    <p className="muted">
      The SDK dropped {dropped.map(([count, what]) => `${count} ${what}`).join(', ')} before sending.
    </p>
  );
}

function SpanLink({ trace, link }: { trace: Trace; link: Pick<SpanLinkWire, 'trace_id' | 'span_id'> }) {
  const here = link.trace_id === trace.id;
  return (
    <Link to="/trace/$id" params={{ id: link.trace_id }} search={{ span: link.span_id } as never}>
      {here ? 'span of this trace' : 'trace'} <code>{(here ? link.span_id : link.trace_id).slice(0, 16)}</code>
    </Link>
  );
}

/** Who points here: known to the server alone, from the story of the linked traces. */
function LinksIn({ trace, spanId }: { trace: Trace; spanId: string | undefined }) {
  const story = useStory(trace.id, !!spanId);
  // A link stands on the later side: of what came after this span, the later end names it.
  const found = (story.data?.chapters ?? []).filter(
    ({ from, to }) => from?.trace === trace.id && from.span === spanId && to && to.trace !== trace.id,
  );
  if (found.length === 0) return null;
  return (
    <section>
      <h3>
        Linked from <span className="muted">{found.length}</span>
      </h3>
      <ul className="span-links">
        {found.map(({ to, trace: other }) => (
          <li key={`${to!.trace}${to!.span}`}>
            <SpanLink trace={trace} link={{ trace_id: to!.trace, span_id: to!.span }} />{' '}
            <span className="muted">{other.name}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
