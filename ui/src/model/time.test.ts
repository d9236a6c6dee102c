import { describe, expect, test } from 'vitest';
import {
  axisTicks,
  describeRange,
  formatAgo,
  formatInstant,
  HOUR,
  MINUTE,
  parseInstant,
  parseRange,
  rangeMistake,
  resolveMoment,
  resolveRange,
  SECOND,
  shiftRange,
  widenRange,
  writeInstant,
} from './time';

const NOW = parseInstant('2026-05-01T12:00:00Z') as bigint;

test('instants keep their nanoseconds', () => {
  const cases: [string, string][] = [
    ['2026-05-01T10:00:00.123456789Z', '2026-05-01T10:00:00.123456789Z'],
    ['2026-05-01T10:00:00.5Z', '2026-05-01T10:00:00.5Z'],
    ['2026-05-01T12:00:00+02:00', '2026-05-01T10:00:00Z'],
    ['2026-05-01 10:00 -0130', '2026-05-01T11:30:00Z'],
    ['1969-12-31T23:59:59.999999999Z', '1969-12-31T23:59:59.999999999Z'],
  ];
  for (const [text, expected] of cases) expect(writeInstant(parseInstant(text) as bigint), text).toBe(expected);
  for (const text of ['', 'x', '2026-13-01T00:00:00Z', '2026-02-30T00:00:00Z', '2026-05-01T25:00:00Z', '2026-05-01']) {
    expect(parseInstant(text), text).toBeUndefined();
  }
});

test('moments of an address', () => {
  const cases: [string, bigint | undefined][] = [
    ['now', NOW],
    ['now-15m', NOW - 15n * MINUTE],
    ['now+1h', NOW + HOUR],
    ['now-1.5h', NOW - 90n * MINUTE],
    ['1777629600', parseInstant('2026-05-01T10:00:00Z')],
    ['1777629600123', parseInstant('2026-05-01T10:00:00.123Z')],
    ['1777629600123456789', parseInstant('2026-05-01T10:00:00.123456789Z')],
    ['now-', undefined],
    ['now-5y', undefined],
    ['yesterday', undefined],
  ];
  for (const [text, expected] of cases) expect(resolveMoment(text, NOW), text).toBe(expected);
});

test('what people type', () => {
  const cases: [string, string, string][] = [
    ['15m', 'now-15m', 'now'],
    ['last 2 hours', 'now-2h', 'now'],
    ['past 3 days', 'now-3d', 'now'],
    ['today', '2026-05-01T00:00:00Z', 'now'],
    ['yesterday', '2026-04-30T00:00:00Z', '2026-05-01T00:00:00Z'],
    ['14:00-14:20', '2026-05-01T14:00:00Z', '2026-05-01T14:20:00Z'],
    ['23:50 to 00:10', '2026-05-01T23:50:00Z', '2026-05-02T00:10:00Z'],
    ['2026-04-20', '2026-04-20T00:00:00Z', '2026-04-21T00:00:00Z'],
    ['2026-05-01 10:00 +02', '2026-05-01T08:00:00Z', 'now'],
    ['2026-05-01 10:00 to 2026-05-01 11:30', '2026-05-01T10:00:00Z', '2026-05-01T11:30:00Z'],
    ['now-6h to now-3h', 'now-6h', 'now-3h'],
  ];
  for (const [text, from, to] of cases) expect(parseRange(text, NOW, 'utc'), text).toEqual({ from, to });
  for (const text of ['', 'soon', '5 parsecs', '2026-05-01 11:00 to 2026-05-01 10:00']) {
    expect(parseRange(text, NOW, 'utc'), text).toBeUndefined();
  }
});

test('an unreadable range is said and falls back', () => {
  expect(rangeMistake({ from: 'now-1h', to: 'now' }, NOW)).toBeUndefined();
  expect(rangeMistake({ from: 'bad', to: 'now' }, NOW)).toMatch(/cannot read from=bad/);
  expect(rangeMistake({ from: 'now', to: 'now-1h' }, NOW)).toMatch(/ends before/);
  expect(resolveRange({ from: 'bad', to: 'now' }, NOW)).toEqual({ from: NOW - HOUR, to: NOW });
});

test('ranges widen and move', () => {
  expect(widenRange({ from: 'now-1h', to: 'now' }, NOW)).toEqual({ from: 'now-6h', to: 'now' });
  expect(widenRange({ from: 'now-6h', to: 'now' }, NOW)).toEqual({ from: 'now-24h', to: 'now' });
  expect(widenRange({ from: '2026-05-01T10:00:00Z', to: '2026-05-01T11:00:00Z' }, NOW)).toEqual({
    from: '2026-05-01T09:30:00Z',
    to: '2026-05-01T11:30:00Z',
  });
  expect(shiftRange({ from: '2026-05-01T10:00:00Z', to: '2026-05-01T11:00:00Z' }, NOW, -1)).toEqual({
    from: '2026-05-01T09:30:00Z',
    to: '2026-05-01T10:30:00Z',
  });
});

describe('shown', () => {
  test('ranges', () => {
    expect(describeRange({ from: 'now-1h', to: 'now' }, NOW, 'utc')).toBe('Last hour');
    expect(describeRange({ from: 'now-90m', to: 'now' }, NOW, 'utc')).toBe('Last 90m');
    expect(describeRange({ from: '2026-05-01T10:00:00Z', to: '2026-05-01T11:00:00Z' }, NOW, 'utc')).toBe(
      '2026-05-01 10:00:00 – 11:00:00',
    );
  });

  test('instants', () => {
    const at = parseInstant('2026-05-01T10:00:00.123456789Z') as bigint;
    expect(formatInstant(at, 'utc', 'nano')).toBe('2026-05-01 10:00:00.123456789');
    expect(formatInstant(at, 'utc')).toBe('2026-05-01 10:00:00.123');
  });

  test('distances', () => {
    const cases: [bigint, string][] = [
      [0n, 'just now'],
      [12n * SECOND, '12 s ago'],
      [3n * HOUR, '3 h ago'],
      [-4n * MINUTE, 'in 4 min'],
    ];
    for (const [distance, expected] of cases) expect(formatAgo(NOW - distance, NOW)).toBe(expected);
  });

  test('an axis has round moments, and not too many', () => {
    const ticks = axisTicks({ from: NOW - HOUR, to: NOW }, 8, 'utc');
    expect(ticks.map(tick => tick.label)).toEqual(['11:10', '11:20', '11:30', '11:40', '11:50']);
  });
});
