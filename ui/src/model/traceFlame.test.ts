import { describe, expect, it } from 'vitest';
import { sketchTrace } from './traceFixture';
import { buildFlame, flameBoxes, flameNodes, flameStep } from './traceFlame';

const MS = 1e6;
// 100 ms: three equal calls of 20 ms, of which one calls on for 10 ms, and two that run at once.
const trace = sketchTrace({
  name: 'root',
  at: 0,
  took: 100,
  children: [
    { name: 'call', at: 0, took: 20, children: [{ name: 'deep', at: 5, took: 10, error: 'no' }] },
    { name: 'call', at: 20, took: 20 },
    { name: 'call', at: 40, took: 30 },
    { name: 'a', at: 70, took: 20 },
    { name: 'b', at: 70, took: 20 },
  ],
});
const flame = buildFlame(trace);
const names = (nodes: Iterable<number>) =>
  [...nodes].map(node => trace.name.values[trace.name.codes[flame.longest[node]!]!]);

describe('the flame of a trace', () => {
  it('adds up equal paths', () => {
    expect(names(flame.roots)).toEqual(['root']);
    expect(names(flame.children[0]!)).toEqual(['call', 'a', 'b']);
    const call = flame.children[0]![0]!;
    expect([flame.count[call], flame.self[call]! / MS, flame.total[call]! / MS, flame.errors[call]]).toEqual([
      3, 60, 70, 0,
    ]);
    expect(trace.duration[flame.longest[call]!]! / MS).toBe(30);
  });
  it('is as wide as the time spent in itself and below, whatever ran at once', () => {
    // 10 ms in the root itself, 70 in the calls, 2 × 20 side by side.
    expect(flame.below[0]! / MS).toBe(120);
    for (let node = 0; node < flame.length; node++) {
      const inside = flame.children[node]!.reduce((sum, child) => sum + flame.below[child]!, 0);
      expect(flame.below[node]).toBe(flame.self[node]! + inside);
    }
  });
  it('shows a node over the whole width with its ancestors above, and leaves out what nobody sees', () => {
    const call = flame.children[0]![0]!;
    const boxes = flameBoxes(flame, call, 0);
    expect(boxes.map(box => [names([box.node])[0], box.level, box.width])).toEqual([
      ['root', 0, 1],
      ['call', 1, 1],
      ['deep', 2, 10 / 70],
    ]);
    expect(flameBoxes(flame, -1, 0.5).map(box => names([box.node])[0])).toEqual(['root', 'call']);
  });
  it('lists what cost most first, and follows the arrows', () => {
    expect(names(flameNodes(flame, -1))).toEqual(['call', 'a', 'b', 'root', 'deep']);
    const [call, a] = flame.children[0]!;
    expect(flameStep(flame, 0, 'down')).toBe(call);
    expect(flameStep(flame, call!, 'right')).toBe(a);
    expect(flameStep(flame, call!, 'left')).toBe(call);
    expect(flameStep(flame, call!, 'up')).toBe(0);
    expect(flameStep(flame, 0, 'up')).toBe(0);
  });
});
