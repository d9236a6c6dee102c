import { expect, test } from 'vitest';
import { durationAt, logScale, logTicks, timeAt, xOf, yOf } from './axis';

test('places and values go both ways', () => {
  const span = { from: 1_000n, to: 2_000n };
  expect(xOf(1_500n, span, 10, 100)).toBe(60);
  expect(timeAt(60, span, 10, 100)).toBe(1_500n);
  expect(timeAt(-5, span, 10, 100)).toBe(1_000n);
  const scale = logScale(1e6, 1e9);
  for (const nanos of [1e6, 3e7, 1e9])
    expect(durationAt(yOf(nanos, scale, 5, 100), scale, 5, 100)).toBeCloseTo(nanos, -2);
});

test('a scale is never flat, and its ticks are round', () => {
  // Values that are alike stand in the middle, between round numbers.
  const flat = logScale(22.1e6, 22.1e6);
  expect(yOf(22.1e6, flat, 0, 100)).toBeCloseTo(50);
  expect(logTicks(flat)).toEqual([1e7, 2e7, 5e7]);
  expect(logScale(0, 0)).toEqual({ low: 1, high: 4 });
  expect(logScale(1e6, 4e6)).toEqual({ low: 1e6, high: 4e6 });
  expect(logTicks(logScale(1e6, 1e9))).toEqual([1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9]);
});
