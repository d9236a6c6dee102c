import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatShare, formatTotal, plural } from './format';

test('durations have three digits and never vanish', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [1, '1 ns'],
    [999, '999 ns'],
    [1_500, '1.50 µs'],
    [21_500_000, '21.5 ms'],
    [412_000_000, '412 ms'],
    [999_900_000, '1 s'],
    [8_210_000_000, '8.21 s'],
    [125e9, '2 min 5 s'],
    [3_599.9e9, '60 min'],
    [5_400e9, '1 h 30 min'],
    [90_000e9, '1 d 1 h'],
    [-5_000_000, '−5 ms'],
  ];
  for (const [nanos, expected] of cases) expect(formatDuration(nanos), String(nanos)).toBe(expected);
});

test('counts, bytes and shares', () => {
  expect([0, 950, 1_000, 12_340, 4_560_000].map(formatCount)).toEqual(['0', '950', '1 k', '12.3 k', '4.56 M']);
  expect([12, 2048, 7_300_000].map(formatBytes)).toEqual(['12 B', '2 KiB', '6.96 MiB']);
  expect(formatShare(0, 10)).toBe('0 %');
  expect(formatShare(1, 100_000)).toBe('<0.1 %');
  expect(formatShare(99_999, 100_000)).toBe('>99.9 %');
  expect(formatShare(1, 8)).toBe('12.5 %');
  expect(formatShare(1, 0)).toBe('0 %');
  expect(formatTotal({ value: 1_000_000, relation: 'gte' })).toBe('≥ 1\u202f000\u202f000');
  expect([plural(1, 'span'), plural(2, 'span')]).toEqual(['1 span', '2 spans']);
});
