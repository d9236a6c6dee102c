import { expect, test } from 'vitest';
import { edgeKey, layersOf, place } from './layout';

const nodes = (names: string) => names.split('').map(name => ({ name }));
const edges = (text: string) => text.split(' ').map(pair => ({ caller: pair[0]!, callee: pair[1]! }));
const SIZES = { wide: 100, high: 40, gapX: 50, gapY: 20, lane: 10 };

test('callers stand left of those they call', () => {
  const layers = layersOf(nodes('abcd'), edges('ab bc ac cd'));
  expect(Object.fromEntries(layers)).toEqual({ a: 0, b: 1, c: 2, d: 3 });
});

test('circles, calls to itself and unknown names end', () => {
  const layers = layersOf(nodes('abc'), edges('ab bc ca aa xa'));
  expect(layers.get('a')).toBe(0);
  expect(layers.get('c')).toBe(2);
});

test('a deep chain needs no recursion', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => ({ name: `n${i}` }));
  const chain = many.slice(1).map((node, i) => ({ caller: `n${i}`, callee: node.name }));
  expect(layersOf(many, chain).get('n19999')).toBe(19_999);
});

test('nothing overlaps, and a long call has lanes beside the services between', () => {
  const all = nodes('abcde');
  const calls = edges('ab ac ad be ce ae');
  const { spots, lanes, width, height } = place(all, calls, SIZES);
  for (const one of all) {
    for (const other of all) {
      if (one.name >= other.name) continue;
      const [a, b] = [spots.get(one.name)!, spots.get(other.name)!];
      expect(a.x !== b.x || Math.abs(a.y - b.y) >= SIZES.high, `${one.name} ${other.name}`).toBe(true);
    }
  }
  const lane = lanes.get(edgeKey({ caller: 'a', callee: 'e' }))!;
  expect(lane).toHaveLength(1);
  for (const name of 'bcd') {
    const y = spots.get(name)!.y;
    expect(lane[0]!.y < y || lane[0]!.y > y + SIZES.high, name).toBe(true);
  }
  expect(width).toBe(3 * 100 + 2 * 50);
  for (const spot of spots.values()) expect(spot.y + SIZES.high).toBeLessThanOrEqual(height);
  expect(place(all.toReversed(), calls, SIZES)).toEqual(place(all, calls, SIZES));
});
