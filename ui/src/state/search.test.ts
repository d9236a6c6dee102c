import { expect, test } from 'vitest';
import { readSearch, writeSearch } from './search';

test('an address is short, readable and comes back as it was', () => {
  const q = 'service:checkout duration:>500ms http.route:"/cart/*" -env:staging (a OR b) 100% c+d';
  const text = writeSearch({ q, from: 'now-1h', to: undefined, empty: '' });
  expect(text).toMatch(/^\?q=service:checkout\+duration:%3E500ms\+http\.route:/);
  expect(readSearch(text)).toEqual({ q, from: 'now-1h' });
  expect(writeSearch({})).toBe('');
  // Not read as JSON: a query may be a number.
  expect(readSearch('?q=123&x=true')).toEqual({ q: '123', x: 'true' });
});
