import { describe, expect, it } from 'vitest';
import { Mark, type Trace, text } from './trace';
import { siblings, sketchLog, sketchTrace } from './traceFixture';
import {
  criticalRows,
  findSpanRow,
  fold,
  RowKind,
  type RowOptions,
  reveal,
  runStart,
  visibleRows,
  withAncestors,
} from './traceRows';

const open: RowOptions = { collapsed: new Set(), unfolded: new Set() };

/** Each row as `level:what`. */
function written(trace: Trace, options: RowOptions): string[] {
  const rows = visibleRows(trace, options);
  return Array.from({ length: rows.length }, (_, index) => {
    const ref = rows.ref[index]!;
    const what =
      rows.kind[index] === RowKind.log
        ? `log ${options.logs![ref]!.log.line}`
        : rows.kind[index] === RowKind.fold
          ? `×${fold(trace, ref).members} ${text(trace.name, ref)}`
          : text(trace.name, ref);
    return `${rows.level[index]}:${what}`;
  });
}

const shop = sketchTrace({
  name: 'root',
  took: 100,
  children: [
    {
      name: 'a',
      at: 1,
      took: 20,
      children: [
        { name: 'a1', at: 2 },
        { name: 'a2', at: 8, critical: 3 },
      ],
    },
    { name: 'b', at: 30, took: 50, children: siblings(6, Mark.repeated) },
    { name: 'c', at: 90 },
  ],
});

describe('rows on screen', () => {
  it('shows the tree, and equal siblings as one', () => {
    expect(written(shop, open)).toEqual(['0:root', '1:a', '2:a1', '2:a2', '1:b', '2:×6 SELECT', '1:c']);
  });

  it('hides what is below a closed span', () => {
    expect(written(shop, { ...open, collapsed: new Set([1]) })).toEqual(['0:root', '1:a', '1:b', '2:×6 SELECT', '1:c']);
    expect(written(shop, { ...open, collapsed: new Set([0]) })).toEqual(['0:root']);
  });

  it('shows the members of an open fold one level deeper, and the rows after it as before', () => {
    const rows = written(shop, { ...open, unfolded: new Set([5]) });
    expect(rows.slice(5, 8)).toEqual(['2:×6 SELECT', '3:SELECT', '3:SELECT']);
    expect(rows.at(-1)).toBe('1:c');
    expect(rows).toHaveLength(13);
  });

  it('leaves few equal siblings as they are', () => {
    const trace = sketchTrace({ name: 'root', children: siblings(3, Mark.repeated) });
    expect(written(trace, open)).toEqual(['0:root', '1:SELECT', '1:SELECT', '1:SELECT']);
  });

  it('places logs between the children of their span by time, and those of no span at the end', () => {
    const logs = [
      sketchLog(0, 0.5, 'first'),
      sketchLog(1, 5, 'within a'),
      sketchLog(-1, 6, 'loose'),
      sketchLog(0, 95, 'last'),
    ];
    expect(written(shop, { ...open, logs })).toEqual([
      '0:root',
      '1:log first',
      '1:a',
      '2:a1',
      '2:log within a',
      '2:a2',
      '1:b',
      '2:×6 SELECT',
      '1:c',
      '1:log last',
      '0:log loose',
    ]);
  });

  it('hides the logs of a closed span', () => {
    const logs = [sketchLog(1, 5, 'within a')];
    expect(written(shop, { ...open, collapsed: new Set([1]), logs })).not.toContain('2:log within a');
  });

  it('keeps only what is asked for and the way to it', () => {
    const keep = withAncestors(shop, criticalRows(shop));
    expect(written(shop, { ...open, keep })).toEqual(['0:root', '1:a', '2:a2']);
  });

  it('finds every span that is shown, and none that is not', () => {
    for (const options of [
      open,
      { ...open, unfolded: new Set([5]) },
      { ...open, collapsed: new Set([1]) },
      { ...open, logs: [sketchLog(0, 0.5, 'x'), sketchLog(1, 5, 'y'), sketchLog(0, 95, 'z'), sketchLog(-1, 1, 'w')] },
    ]) {
      const rows = visibleRows(shop, options);
      for (let span = 0; span < shop.length; span++) {
        const at = Array.from({ length: rows.length }, (_, index) => index).find(
          index => rows.kind[index] === RowKind.span && rows.ref[index] === span,
        );
        expect(findSpanRow(rows, span)).toBe(at ?? -1);
      }
    }
  });

  it('opens whatever hides a span', () => {
    const collapsed = new Set([0, 4]);
    const unfolded = new Set<number>();
    expect(reveal(shop, 8, collapsed, unfolded)).toBe(true);
    expect(findSpanRow(visibleRows(shop, { collapsed, unfolded }), 8)).toBeGreaterThan(0);
    expect(reveal(shop, 8, collapsed, unfolded)).toBe(false);
  });

  it('knows the first of a run, also past what lies between', () => {
    const trace = sketchTrace({
      name: 'root',
      children: [
        { name: 'call', children: [{ name: 'inner' }] },
        { name: 'call', marks: Mark.repeated, children: [{ name: 'inner' }] },
        { name: 'call', marks: Mark.repeated },
      ],
    });
    expect(runStart(trace, 5)).toBe(1);
    expect(runStart(trace, 2)).toBe(2);
  });

  it('sums up a fold', () => {
    expect(fold(shop, 5)).toMatchObject({ members: 6, total: 21e6, longest: 6e6, errors: 0, from: 0, to: 16e6 });
  });

  it('takes a hundred thousand siblings and a depth of ten thousand', () => {
    const wide = sketchTrace({ name: 'root', children: siblings(100_000, Mark.repeated) });
    expect(visibleRows(wide, open).length).toBe(2);
    expect(visibleRows(wide, { ...open, unfolded: new Set([1]) }).length).toBe(100_002);
    expect(runStart(wide, 100_000)).toBe(1);
    const deep = sketchTrace({ name: 'root' });
    const length = 10_000;
    const chain: Trace = {
      ...deep,
      length,
      parent: Int32Array.from({ length }, (_, row) => row - 1),
      depth: Int32Array.from({ length }, (_, row) => row),
      size: Int32Array.from({ length }, (_, row) => length - row),
      start: new Float64Array(length),
      marks: new Int32Array(length),
    };
    expect(visibleRows(chain, open).length).toBe(length);
    expect(findSpanRow(visibleRows(chain, open), 9_999)).toBe(9_999);
  });
});
