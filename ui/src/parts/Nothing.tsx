// An empty result is not the absence of data: says which filter and range excluded everything, and offers the ways on.

import { withoutLast } from '../model/query';
import { describeRange, nanosOfMillis, type Range, widenRange, type Zone } from '../model/time';
import { Empty } from './Notice';

export function Nothing({
  what,
  q,
  range,
  zone,
  onQuery,
  onRange,
}: {
  what: string;
  q: string;
  range: Range;
  zone: Zone;
  onQuery: (q: string) => void;
  onRange: (range: Range) => void;
}) {
  const now = nanosOfMillis(Date.now());
  const wider = widenRange(range, now);
  const last = withoutLast(q);
  return (
    <Empty
      title={`No ${what} ${q ? 'match' : 'here'}`}
      actions={
        <>
          <button type="button" className="button" onClick={() => onRange(wider)}>
            Widen to {describeRange(wider, now, zone).replace(/^Last/, 'the last')}
          </button>
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
