import { expect, test } from 'vitest';
import {
  addTerm,
  durationLiteral,
  fieldTerm,
  hasTerm,
  quoteValue,
  removeTerm,
  replaceField,
  termsOf,
  toggleTerm,
  withoutLast,
} from './query';

test('terms stand together inside quotes, parentheses and braces', () => {
  const cases: [string, string[]][] = [
    ['', []],
    ['  a   b ', ['a', 'b']],
    ['"card declined" service:cart', ['"card declined"', 'service:cart']],
    ['(version:2 OR version:3) x', ['(version:2 OR version:3)', 'x']],
    ['{service:a} {service:b name:"x y"}', ['{service:a}', '{service:b name:"x y"}']],
    ['name:"a \\" b" c', ['name:"a \\" b"', 'c']],
    ['"open', ['"open']],
  ];
  for (const [q, expected] of cases) expect(termsOf(q), q).toEqual(expected);
});

test('values are quoted when they must be', () => {
  const cases: [string, string][] = [
    ['cart', 'cart'],
    ['1.4.2', '1.4.2'],
    ['/cart/items', '/cart/items'],
    ['GET /', '"GET /"'],
    ['a"b\\', '"a\\"b\\\\"'],
    ['-x', '"-x"'],
    ['OR', '"OR"'],
    ['1..2', '"1..2"'],
    ['a*', '"a*"'],
    ['', '""'],
  ];
  for (const [value, expected] of cases) expect(quoteValue(value), value).toBe(expected);
  expect(fieldTerm('http.route', '/cart/{id}', true)).toBe('-http.route:"/cart/{id}"');
});

test('clicks add, take away and turn round', () => {
  expect(addTerm('', 'a:1')).toBe('a:1');
  expect(addTerm('x', 'a:1')).toBe('x a:1');
  expect(addTerm('x -a:1', 'a:1')).toBe('x a:1');
  expect(addTerm('a:1 x', '-a:1')).toBe('x -a:1');
  expect(addTerm('a OR b', 'c:1')).toBe('(a OR b) c:1');
  expect(toggleTerm('x a:1', 'a:1')).toBe('x');
  expect(removeTerm('a:1 "a b"', '"a b"')).toBe('a:1');
  expect(hasTerm('(a:1 OR b) c', 'a:1')).toBe(false);
  expect(replaceField('service:a duration:>5ms', 'duration', 'duration:1ms..2ms')).toBe('service:a duration:1ms..2ms');
});

test('the last filter can be taken back', () => {
  expect(withoutLast('')).toBeUndefined();
  expect(withoutLast('a "b c"')).toEqual({ q: 'a', term: '"b c"' });
  expect(withoutLast('a OR b')).toEqual({ q: 'a', term: 'b' });
});

test('durations as the language writes them', () => {
  expect([450, 12_500, 12_345_678, 2e9].map(durationLiteral)).toEqual(['450ns', '12.5us', '12.3ms', '2s']);
});
