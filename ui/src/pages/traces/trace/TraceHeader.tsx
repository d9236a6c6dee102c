// Who, how long, when, and what is to be known before one believes the picture.

import type { WhyWire } from '../../../api/traceWire';
import { formatDuration, formatWhole, plural } from '../../../model/format';
import { formatInstant, zoneName } from '../../../model/time';
import { countMarked, Mark, skewedServices, type Trace } from '../../../model/trace';
import { operationQuery } from '../../../model/traceFind';
import { ServiceName } from '../../../parts/Chip';
import { CopyButton } from '../../../parts/Copy';
import { Icon, type IconName } from '../../../parts/Icon';
import { Popover } from '../../../parts/Popover';
import { usePreferences } from '../../../state/preferences';
import { CompareButton } from './CompareButton';
import { arriving } from './useTraceData';
import { Verdict } from './Verdict';

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
  why: WhyWire | undefined;
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
        <div className="trace-actions">
          <CompareButton trace={trace} usual={why?.usual_nano} />
          <CopyButton text={trace.id} label={`Trace ${trace.id.slice(0, 8)}…`} />
        </div>
      </div>
      {why && <Verdict why={why} onSpanId={onSpanId} onHop={hop => onFind(operationQuery(hop.callee, hop.name))} />}
      <div className="trace-about">
        <Facts trace={trace} onFind={onFind} />
        <Notices trace={trace} adjusted={adjusted} onAdjusted={onAdjusted} />
      </div>
    </header>
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
