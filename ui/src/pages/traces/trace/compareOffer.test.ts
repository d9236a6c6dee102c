import { describe, expect, it } from 'vitest';
import type { TraceSummary } from '../../../model/types';
import { offer } from './compareOffer';

const trace = (id: string, duration: number, failed = false) => ({ id, duration, failed }) as TraceSummary;
const said = (offers: ReturnType<typeof offer>) => offers.map(({ item, note }) => `${item.id} ${note}`.trim());

describe('what is offered to compare with', () => {
  it('is nothing when there is no other', () => {
    expect(offer([], 'a', 5)).toEqual([]);
    expect(offer([trace('a', 5)], 'a', 5)).toEqual([]);
  });
  it('begins with the one nearest to the usual that did not fail', () => {
    const traces = [trace('a', 900), trace('b', 12), trace('c', 10, true), trace('d', 30)];
    expect(said(offer(traces, 'a', 10))).toEqual(['b as usual', 'c', 'd']);
  });
  it('takes the middle where no usual is known, and a failed one where all failed', () => {
    expect(said(offer([trace('b', 1), trace('c', 7), trace('d', 90)], 'a', undefined))[0]).toBe('c as usual');
    expect(said(offer([trace('b', 1, true)], 'a', 9))).toEqual(['b as usual']);
  });
});
