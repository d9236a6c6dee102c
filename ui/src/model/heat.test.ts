import { expect, test } from 'vitest';
import { heatOf } from './heat';
import type { TraceSummary } from './types';

const trace = (start: bigint, duration: number, errors = 0): TraceSummary => ({
  id: '',
  service: '',
  name: '',
  failed: false,
  start,
  duration,
  spans: 1,
  errors,
  services: [],
  matched: undefined,
});

test('every trace in the span is in one cell that holds its time and duration', () => {
  const traces = [trace(110n, 1e6), trace(115n, 1e6, 1), trace(900n, 1e9), trace(2_000n, 5e6)];
  const { bucket, cells } = heatOf(traces, { from: 0n, to: 1_000n }, 10, 8);
  expect(cells.map(cell => [cell.count, cell.errors])).toEqual([
    [2, 1],
    [1, 0],
  ]);
  for (const one of traces.slice(0, 3)) {
    const holds = cells.filter(
      cell =>
        cell.time <= one.start &&
        one.start < cell.time + bucket &&
        cell.min <= one.duration &&
        one.duration <= cell.max,
    );
    expect(holds).toHaveLength(1);
  }
});

test('one trace alone, and none', () => {
  const one = heatOf([trace(5n, 1e6)], { from: 0n, to: 10n }, 10, 8);
  expect(one.cells).toHaveLength(1);
  expect(one.cells[0]!.max).toBeGreaterThan(one.cells[0]!.min);
  expect(heatOf([], { from: 0n, to: 10n }, 10, 8).cells).toEqual([]);
});
