// What came before and after: traces linked by messages, links and business keys, on one clock.

import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { serviceVariable } from '../../../model/colour';
import { formatDuration, formatWhole, plural } from '../../../model/format';
import { formatClock } from '../../../model/time';
import type { Trace } from '../../../model/trace';
import { type StoryLine, type StoryPicture, storyPicture } from '../../../model/traceStory';
import { ServiceName } from '../../../parts/Chip';
import { Empty, Failed, Loading, Warnings } from '../../../parts/Notice';
import { usePreferences } from '../../../state/preferences';
import { ticks } from '../waterfall/ruler';
import { useStory } from './useTraceData';
import './story.css';

const ROW = 44;
/** The ruler's labels need this much of the axis. */
const AXIS_PIXELS = 640;
const BY = { link: 'by a link', message: 'by a message', key: 'by a key' };

export function StoryTab({ trace }: { trace: Trace }) {
  const asked = useStory(trace.id, true);
  const picture = useMemo(() => storyPicture(asked.data?.chapters ?? []), [asked.data]);
  if (asked.error)
    return <Failed error={asked.error} what="The story could not be told" retry={() => void asked.refetch()} />;
  if (asked.isPending) return <Loading what="Looking for linked traces" />;
  if (picture.lines.length < 2) {
    return (
      <Empty title="No other trace is linked to this one">
        Traces join a story when a span links to a span of another trace, when both carry the same message id, or by
        keys that are set up as <code>query.story_keys</code>, such as an order number.
      </Empty>
    );
  }
  return (
    <div className="trace-tab story-tab" tabIndex={0} role="region" aria-label="Story">
      <Warnings items={asked.data.warnings} />
      <p className="story-lead">
        <strong>{plural(picture.lines.length, 'trace')}</strong>{' '}
        <span className="muted">over {formatDuration(picture.length)}, each at its own time</span>
      </p>
      <Story picture={picture} here={trace.id} />
    </div>
  );
}

function Story({ picture, here }: { picture: StoryPicture; here: string }) {
  const { zone } = usePreferences();
  const share = (time: number) => (time / picture.length) * 100;
  const axis = ticks({ from: 0, to: picture.length }, AXIS_PIXELS, 120);
  return (
    <table className="table story-table" aria-label="Traces of the story">
      <thead>
        <tr>
          <th>Trace</th>
          <th>Started</th>
          <th className="num">Spans</th>
          <th className="num">Took</th>
          <th className="story-axis">
            <span className="visually-hidden">When</span>
            <div>
              {axis.map(tick => (
                <span key={tick.at} style={{ left: `${share(tick.at)}%` }} aria-hidden="true">
                  {tick.label}
                </span>
              ))}
            </div>
          </th>
        </tr>
      </thead>
      <tbody>
        {picture.lines.map((line, place) => {
          const { trace, by } = line.chapter;
          return (
            <tr key={trace.id} aria-current={trace.id === here ? 'true' : undefined}>
              <td>
                <div className="story-name">
                  <ServiceName name={trace.service} failed={trace.errors > 0} />
                  <Link
                    to="/trace/$id"
                    params={{ id: trace.id }}
                    search={(trace.id === here ? {} : { tab: 'story' }) as never}
                  >
                    {trace.name}
                  </Link>
                  <span className="muted small">
                    {trace.id === here ? 'this trace' : `${by ? BY[by] : ''}${reason(picture, line)}`}
                  </span>
                </div>
              </td>
              <td className="number">{formatClock(trace.start, zone)}</td>
              <td className="num">{formatWhole(trace.spans)}</td>
              <td className={trace.failed ? 'num error-text' : 'num'}>{formatDuration(trace.duration)}</td>
              <td className="story-when">
                <div style={{ height: ROW }}>
                  {picture.lines.map(
                    (other, at) =>
                      earlier(other, at) === place && (
                        <Way
                          key={other.chapter.trace.id}
                          end={line.end}
                          start={laterOf(picture, other, at).start}
                          rows={Math.abs(at - other.other)}
                          share={share}
                        />
                      ),
                  )}
                  <i
                    className="story-bar"
                    data-failed={trace.failed}
                    style={{
                      left: `${share(line.start)}%`,
                      width: `max(3px, ${share(line.end - line.start)}%)`,
                      background: serviceVariable(trace.service),
                    }}
                  />
                </div>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function reason(picture: StoryPicture, line: StoryLine): string {
  const other = picture.lines[line.other]?.chapter.trace;
  if (!other) return '';
  return ` ${line.chapter.to?.trace === line.chapter.trace.id ? 'from' : 'to'} ${other.service} ${other.name}`;
}

/** Of the two ends of a link, the line that began first; −1 where the other end is not known. */
const earlier = (line: StoryLine, at: number) => (line.other < 0 ? -1 : Math.min(at, line.other));

const laterOf = (picture: StoryPicture, line: StoryLine, at: number) => picture.lines[Math.max(at, line.other)]!;

/** From the end of the earlier trace along its line, while nobody worked on it, and down to where the later one begins. */
function Way({
  end,
  start,
  rows,
  share,
}: {
  end: number;
  start: number;
  rows: number;
  share: (time: number) => number;
}) {
  return (
    <>
      {start > end && <i className="story-gap" style={{ left: `${share(end)}%`, width: `${share(start - end)}%` }} />}
      <i className="story-way" style={{ left: `${share(start)}%`, height: rows * ROW - 7 }} />
    </>
  );
}
