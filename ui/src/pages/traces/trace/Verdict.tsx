// Why the trace is slow or failed, as a headline, and below it where the time over the usual went.

import type { WhyWire } from '../../../api/traceWire';
import { serviceVariable } from '../../../model/colour';
import { formatDuration, formatWhole, plural } from '../../../model/format';
import { Icon, type IconName } from '../../../parts/Icon';
import './verdict.css';

/** Smaller shares of the excess stand together as the rest. */
const SHARE_MIN = 0.02;

const SIGNS: Record<WhyWire['verdict'], { icon: IconName; tone: string; word: string }> = {
  slow: { icon: 'clock', tone: 'warn', word: 'Slow' },
  failed: { icon: 'error', tone: 'error', word: 'Failed' },
  slow_and_failed: { icon: 'error', tone: 'error', word: 'Slow and failed' },
  degraded: { icon: 'error', tone: 'warn', word: 'Answered, but a call inside failed' },
  ordinary: { icon: 'check', tone: 'good', word: 'Ordinary' },
  too_few: { icon: 'info', tone: 'muted', word: 'Nothing to compare with yet' },
};

export function Verdict({
  why,
  onSpanId,
  onHop,
}: {
  why: WhyWire;
  onSpanId: (spanId: string) => void;
  onHop: (excess: { callee: string; name: string }) => void;
}) {
  const sign = SIGNS[why.verdict] ?? SIGNS.too_few;
  const facts: string[] = [];
  if (why.compared_with && !why.headline.includes(` ${why.compared_with} `))
    facts.push(`compared with ${plural(why.compared_with, 'request')} of the same kind`);
  // The headline names it when it is what the verdict hangs on.
  if (why.first_seen && !why.headline.includes(why.first_seen.version))
    facts.push(`first seen with ${why.first_seen.service} ${why.first_seen.version}`);
  for (const hop of why.missing_hops ?? []) {
    facts.push(`the usual call ${hop.caller} → ${hop.callee} is missing`);
  }
  const cause = why.first_cause;
  return (
    <div className="verdict" data-tone={sign.tone}>
      <Icon name={sign.icon} />
      <div className="verdict-words">
        <p>
          <span className="visually-hidden">{sign.word}: </span>
          {headline(why.headline).map((part, place) => (
            <span key={place} className={place === 0 ? 'verdict-lead' : undefined}>
              {place > 0 && '; '}
              {part}
            </span>
          ))}
        </p>
        {facts.length > 0 && <p className="verdict-facts">{facts.join(' · ')}</p>}
      </div>
      {cause && (
        <button type="button" className="button" onClick={() => onSpanId(cause.span_id)}>
          Show the first cause
        </button>
      )}
      {(why.excess?.length ?? 0) > 0 && <Excess why={why} onHop={onHop} />}
    </div>
  );
}

/** The sentence, with a capital, in its parts: the first says what happened, the others why. */
function headline(words: string): string[] {
  return (words.charAt(0).toUpperCase() + words.slice(1)).split('; ');
}

/** The time over the usual as one bar, divided among the hops that owe it. */
function Excess({ why, onHop }: { why: WhyWire; onHop: (excess: { callee: string; name: string }) => void }) {
  const parts = (why.excess ?? []).filter(one => one.share >= SHARE_MIN);
  const rest = Math.max(0, 1 - parts.reduce((sum, one) => sum + one.share, 0));
  const over = why.duration_nano - (why.usual_nano ?? 0);
  return (
    <div className="excess">
      <span className="excess-lead muted">
        {why.usual_nano === undefined ? 'Time' : `+${formatDuration(over)} over the usual`}
      </span>
      <ul className="excess-bar" aria-label="Where the time over the usual went">
        {parts.map(one => (
          <li key={`${one.hop} ${one.name}`} style={{ flexGrow: one.share }}>
            <button
              type="button"
              title={`${where(one)} ${one.name}: ${formatDuration(one.excess_nano)} more than usual${calls(one)}`}
              style={{ ['--part' as string]: serviceVariable(one.callee) }}
              onClick={() => onHop(one)}
            >
              <strong>{percent(one.share)}</strong> <span>{where(one)}</span>
            </button>
          </li>
        ))}
        {rest >= 0.005 && <li aria-hidden="true" className="excess-rest" style={{ flexGrow: rest }} />}
      </ul>
    </div>
  );
}

/** Whole percents, as the headline has them. */
const percent = (share: number) => `${Math.round(share * 100)} %`;

const where = (one: { caller: string; callee: string }) =>
  one.caller ? `${one.caller} → ${one.callee}` : `${one.callee} itself`;

function calls(one: { calls?: number; usual_calls?: number }): string {
  const usual = Math.round(one.usual_calls ?? 1);
  return one.calls !== undefined && one.calls > Math.max(1, usual)
    ? `, ${formatWhole(one.calls)} calls instead of ${usual}`
    : '';
}
