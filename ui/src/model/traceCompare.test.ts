import { describe, expect, it } from 'vitest';
import { differing, movers, type Step, selfDelta } from './traceCompare';
import { storyPicture } from './traceStory';
import type { TraceSummary } from './types';

const side = (nano: number, self = nano, errors = 0, count = 1) => ({ nano, self, errors, count });
const step = (name: string, parent: number, rest: Partial<Step>): Step => ({
  depth: parent + 1,
  parent,
  service: 'shop',
  name,
  kind: 'server',
  a: side(10),
  b: side(10),
  delta: 0,
  change: 'same',
  ...rest,
});

describe('comparing two traces', () => {
  const steps = [
    step('root', -1, {}),
    step('quiet', 0, {}),
    step('way', 0, {}),
    step('slow', 2, { b: side(90), delta: 80, change: 'slower' }),
    step('gone', 0, { b: undefined, delta: -10, change: 'missing' }),
    step('fails', 0, { b: side(10, 10, 1) }),
  ];
  it('keeps what differs and the way to it', () => {
    expect(differing(steps).map(one => one.name)).toEqual(['root', 'way', 'slow', 'gone', 'fails']);
  });
  it('names those first that made the difference themselves', () => {
    expect(movers(steps, 2).map(one => [one.name, selfDelta(one)])).toEqual([
      ['slow', 80],
      ['gone', -10],
    ]);
  });
});

describe('a story', () => {
  const summary = (id: string, start: bigint, duration: number) => ({ id, start, duration }) as TraceSummary;
  it('stands on one clock, each trace pointing to the one it came from', () => {
    const picture = storyPicture([
      { trace: summary('b', 50n, 100), by: 'link', from: { trace: 'a', span: '1' }, to: { trace: 'b', span: '2' } },
      { trace: summary('a', 10n, 20), by: undefined, from: undefined, to: undefined },
    ]);
    expect(picture.lines.map(line => [line.chapter.trace.id, line.start, line.end, line.other])).toEqual([
      ['a', 0, 20, -1],
      ['b', 40, 140, 0],
    ]);
    expect(picture.length).toBe(140);
  });
});
