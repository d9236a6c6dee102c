// An empty result is not the absence of data: says which filter and range excluded everything, and offers the ways on.

import { withoutLast } from '../model/query';
import {
  describeRange,
  formatAgo,
  MINUTE,
  type Nanos,
  nanosOfMillis,
  type Range,
  resolveRange,
  widenRange,
  writeInstant,
  type Zone,
} from '../model/time';
import { Empty } from './Notice';

export function Nothing({
  what,
  q,
  range,
  zone,
  onQuery,
  onRange,
  newest,
}: {
  what: string;
  q: string;
  range: Range;
  zone: Zone;
  onQuery: (q: string) => void;
  onRange: (range: Range) => void;
  /** The newest there is, whatever the range and filter. */
  newest?: Nanos;
}) {
  const now = nanosOfMillis(Date.now());
  const wider = widenRange(range, now);
  const last = withoutLast(q);
  const span = resolveRange(range, now);
  const outside = newest !== undefined && (newest < span.from || newest >= span.to) ? newest : undefined;
  return (
    <Empty
      title={`No ${what} ${q ? 'match' : 'here'}`}
      actions={
        <>
          <button type="button" className="button" onClick={() => onRange(wider)}>
            Widen to {describeRange(wider, now, zone).replace(/^Last/, 'the last')}
          </button>
          {outside !== undefined && (
            <button
              type="button"
              className="button"
              onClick={() =>
                onRange({ from: writeInstant(outside - 30n * MINUTE), to: writeInstant(outside + 5n * MINUTE) })
              }
            >
              Go to the newest, {formatAgo(outside, now)}
            </button>
          )}
          {last && (
            <button type="button" className="button" onClick={() => onQuery(last.q)}>
              Remove <code className="truncate-code">{last.term}</code>
            </button>
          )}
          {q && (
            <button type="button" className="button quiet" onClick={() => onQuery('')}>
              Remove all filters
            </button>
          )}
        </>
      }
    >
      Looked in <strong>{describeRange(range, now, zone).replace(/^Last/, 'the last')}</strong>
      {q ? (
        <>
          {' '}
          for <code>{q}</code>
        </>
      ) : (
        ', without a filter'
      )}
      .
    </Empty>
  );
}
