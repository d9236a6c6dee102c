import { expect, test } from 'vitest';
import { patternTerm } from './pattern-term';

test('a pattern is found by its longest fixed words', () => {
  expect(patternTerm('order <n> placed for <n> items')).toBe('"placed for"');
  expect(patternTerm('user * said "no" to *')).toBe('"said \\"no\\" to"');
  expect(patternTerm('<n>: <n>')).toBeUndefined();
});
