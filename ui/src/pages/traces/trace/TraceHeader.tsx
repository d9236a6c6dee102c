// Who, how long, when, and what is to be known before one believes the picture.

import type { WhyWire } from '../../../api/traceWire';
import { formatDuration, formatWhole, plural } from '../../../model/format';
import { formatInstant, zoneName } from '../../../model/time';
import { countMarked, Mark, skewedServices, type Trace } from '../../../model/trace';
import { ServiceName } from '../../../parts/Chip';
import { CopyButton } from '../../../parts/Copy';
import { Icon, type IconName } from '../../../parts/Icon';
import { Popover } from '../../../parts/Popover';
import { usePreferences } from '../../../state/preferences';
import { arriving } from './useTraceData';

const SERVICES_SHOWN = 6;

export function TraceHeader({
  trace,
  why,
  adjusted,
  onAdjusted,
  onFind,
  onSpanId,
}: {
  trace: Trace;
  why: WhyWire | null | undefined;
  adjusted: boolean;
  onAdjusted: (adjusted: boolean) => void;
  onFind: (query: string) => void;
  onSpanId: (spanId: string) => void;
}) {
  const { summary } = trace;
  return (
    <header className="trace-head">
      <div className="trace-title">
        <h1>
          {summary.failed && <Icon name="error" label="failed" />}
          <ServiceName name={summary.service} />
          <span className="trace-operation">{summary.name}</span>
        </h1>
        <strong className="trace-duration number">{formatDuration(summary.duration)}</strong>
        <CopyButton text={trace.id} label={`Trace ${trace.id.slice(0, 8)}…`} />
      </div>
      {why && <Verdict why={why} onSpanId={onSpanId} />}
      <div className="trace-about">
        <Facts trace={trace} onFind={onFind} />
        <Notices trace={trace} adjusted={adjusted} onAdjusted={onAdjusted} />
      </div>
    </header>
  );
}

const SIGNS: Record<WhyWire['verdict'], { icon: IconName; tone: string; word: string }> = {
  slow: { icon: 'clock', tone: 'warn', word: 'Slow' },
  failed: { icon: 'error', tone: 'error', word: 'Failed' },
  slow_and_failed: { icon: 'error', tone: 'error', word: 'Slow and failed' },
  degraded: { icon: 'error', tone: 'warn', word: 'Answered, but a call inside failed' },
  ordinary: { icon: 'check', tone: 'good', word: 'Ordinary' },
  too_few: { icon: 'info', tone: 'muted', word: 'Nothing to compare with yet' },
};

function Verdict({ why, onSpanId }: { why: WhyWire; onSpanId: (spanId: string) => void }) {
  const sign = SIGNS[why.verdict] ?? SIGNS.too_few;
  const facts: string[] = [];
  if (why.compared_with) facts.push(`compared with ${plural(why.compared_with, 'request')}`);
  if (why.alike) facts.push(`${formatWhole(why.alike)} alike`);
  if (why.first_seen) facts.push(`first seen with ${why.first_seen.service} ${why.first_seen.version}`);
  for (const hop of why.missing_hops ?? []) facts.push(`usual hop ${hop.caller} → ${hop.callee} is missing`);
  const cause = why.first_cause;
  return (
    <div className="verdict" data-tone={sign.tone}>
      <Icon name={sign.icon} />
      <div className="verdict-words">
        <p>
          <span className="visually-hidden">{sign.word}: </span>
          {why.headline}
        </p>
        {facts.length > 0 && <p className="muted">{facts.join(' · ')}</p>}
      </div>
      {cause && (
        <button type="button" className="button" onClick={() => onSpanId(cause.span_id)}>
          Show the first cause
        </button>
      )}
    </div>
  );
}

function Facts({ trace, onFind }: { trace: Trace; onFind: (query: string) => void }) {
  const { summary } = trace;
  const { zone } = usePreferences();
  // Placeholders for missing parents are rows, but no spans.
  const loaded = trace.length - countMarked(trace, Mark.missing);
  const more = summary.services.length - SERVICES_SHOWN;
  return (
    <ul className="trace-facts" aria-label="About this trace">
      <li>
        <span className="muted">started </span>
        {formatInstant(trace.startUnixNano, zone, 'milli')}{' '}
        <span className="muted">{zoneName(zone, trace.startUnixNano)}</span>
      </li>
      <li>
        {loaded === summary.spans
          ? plural(summary.spans, 'span')
          : `${formatWhole(loaded)} of ${plural(summary.spans, 'span')} loaded`}
      </li>
      <li>
        {summary.errors > 0 ? (
          <button type="button" className="fact-link error-text" onClick={() => onFind('error')}>
            {plural(summary.errors, 'error')}
          </button>
        ) : (
          'no errors'
        )}
      </li>
      <li className="trace-services">
        {summary.services.slice(0, SERVICES_SHOWN).map(service => (
          <button
            key={service.name}
            type="button"
            className="fact-link"
            title={`Find the spans of ${service.name}`}
            onClick={() => onFind(`service:${/\s/.test(service.name) ? `"${service.name}"` : service.name}`)}
          >
            <ServiceName name={service.name} count={service.spans} failed={service.errors > 0} />
          </button>
        ))}
        {more > 0 && <span className="muted">and {more} more</span>}
      </li>
    </ul>
  );
}

/** What the page says in its own words and with something to do about it. */
const SAID_HERE = /^(\d+ parents? never came|the clock of )/;

/** What is to be known before one believes the picture: short, with the whole sentence on hover and for screen readers. */
function Notices({
  trace,
  adjusted,
  onAdjusted,
}: {
  trace: Trace;
  adjusted: boolean;
  onAdjusted: (adjusted: boolean) => void;
}) {
  const missing = countMarked(trace, Mark.missing);
  const skewed = skewedServices(trace);
  const notices: { icon: IconName; words: string; more?: string }[] = [];
  if (missing > 0) {
    notices.push({
      icon: 'warning',
      words: `${plural(missing, 'parent')} never arrived`,
      more: 'The children stand under a placeholder. The service may not export, may sample, or may still be sending.',
    });
  }
  if (arriving(trace)) {
    notices.push({
      icon: 'live',
      words: 'Still arriving',
      more: 'Spans that have not ended are marked, and the page asks again every two seconds.',
    });
  }
  const notes = trace.warnings.filter(words => !SAID_HERE.test(words));
  if (notices.length === 0 && skewed.length === 0 && notes.length === 0) return null;
  const names = skewed.slice(0, 3).map(one => `${one.service} by ${formatDuration(Math.abs(one.nano))}`);
  const rest = skewed.length > 3 ? ` and ${skewed.length - 3} more` : '';
  return (
    <ul className="trace-notices" aria-label="Notices">
      {notices.map(({ icon, words, more }) => (
        <li key={words} title={more}>
          <Icon name={icon} />
          {words}
          {more && <span className="visually-hidden">. {more}</span>}
        </li>
      ))}
      {skewed.length > 0 && (
        <li
          title={
            adjusted
              ? 'Times are shown adjusted; dotted outlines stand where they were reported.'
              : 'Times are shown as they were reported.'
          }
        >
          <Icon name="clock" />
          {skewed.length === 1 ? 'Clock off' : 'Clocks off'}: {names.join(', ')}
          {rest}
          <button type="button" className="fact-link" onClick={() => onAdjusted(!adjusted)}>
            {adjusted ? 'show as reported' : 'show adjusted'}
          </button>
        </li>
      )}
      {notes.length > 0 && (
        <li className="trace-notes">
          <Popover
            label={`${plural(notes.length, 'note')} on the data`}
            button={
              <>
                <Icon name="info" />
                {plural(notes.length, 'note')}
              </>
            }
          >
            {() => (
              <ul>
                {notes.map(words => (
                  <li key={words}>{words}</li>
                ))}
              </ul>
            )}
          </Popover>
        </li>
      )}
    </ul>
  );
}
