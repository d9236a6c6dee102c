import { describe, expect, it } from 'vitest';
import { SpanIndex } from '../../../model/trace';
import { sketchTrace } from '../../../model/traceFixture';
import { RowKind, visibleRows } from '../../../model/traceRows';
import { Folding } from './folding';
import { Layers } from './layers';
import { childRow, parentRow, rowOf, spanAbove, stretchOf } from './moves';

const MS = 1e6;
const trace = sketchTrace({
  name: 'root',
  took: 100,
  children: [
    { name: 'a', at: 10, took: 20, children: [{ name: 'a1', at: 12, took: 5 }] },
    { name: 'b', at: 40, took: 30, skew: 5 },
  ],
});
const rows = (folding: Folding) =>
  visibleRows(trace, { collapsed: folding.collapsed, unfolded: folding.unfolded, keep: undefined, logs: undefined });

describe('steps among the rows', () => {
  it('lead to the parent, into what is open, and nowhere else', () => {
    const all = rows(new Folding());
    expect([parentRow(all, 2), parentRow(all, 3), parentRow(all, 0)]).toEqual([1, 0, -1]);
    expect([childRow(all, 0), childRow(all, 2), childRow(all, 3)]).toEqual([1, -1, -1]);
    expect([spanAbove(all, 2), spanAbove(all, -1)]).toEqual([2, -1]);
    const folds = () => ({ members: 0, total: 0, longest: 0, errors: 0, from: 0, to: 1 });
    expect(stretchOf(all, trace, 3, true, folds)).toEqual({ from: 45 * MS, to: 75 * MS });
    expect(stretchOf(all, trace, 3, false, folds)).toEqual({ from: 40 * MS, to: 70 * MS });
  });
  it('stay on the nearest ancestor of what was closed away', () => {
    const folding = new Folding();
    expect(folding.toggle(rows(folding), 1, span => trace.size[span]! > 1)).toBe(true);
    expect(rowOf(rows(folding), trace, RowKind.span, 2)).toBe(1);
    expect(rowOf(rows(folding), trace, RowKind.span, 3)).toBe(2);
    expect(folding.toggle(rows(folding), 1, () => true, false)).toBe(false);
    folding.setSubtree(trace, -1, false);
    expect(rows(folding).length).toBe(4);
    folding.setSubtree(trace, -1, true);
    folding.carry(trace, new SpanIndex(trace));
    expect([...folding.collapsed]).toEqual([1]);
  });
});

describe('what lies on the bars', () => {
  it('moves with its span when clocks are shown as reported', () => {
    const layers = new Layers();
    const path = [
      { row: 0, from: 0, to: 45 * MS },
      { row: 3, from: 45 * MS, to: 75 * MS },
    ];
    layers.placeSegments(path, trace.skew, true);
    expect(layers.criticalOf(3)).toEqual([path[1]]);
    expect(layers.after(path[0]!)).toBe(path[1]);
    layers.placeSegments(path, trace.skew, false);
    expect(layers.criticalOf(3)).toEqual([{ row: 3, from: 40 * MS, to: 70 * MS }]);
  });
});
