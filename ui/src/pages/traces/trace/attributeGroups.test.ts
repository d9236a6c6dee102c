import { expect, it } from 'vitest';
import { groupAttributes, queryTerm } from './attributeGroups';

it('puts together what belongs together, and what stands alone last', () => {
  const groups = groupAttributes({ 'http.route': '/a', alone: 1, 'http.method': 'GET', 'db.system': 'sqlite' });
  expect(groups).toEqual([
    { name: 'http', attributes: { 'http.method': 'GET', 'http.route': '/a' } },
    { name: 'other', attributes: { alone: 1, 'db.system': 'sqlite' } },
  ]);
});

it.each([
  ['http.route', '/cart', 'http.route:/cart'],
  ['http.response.status_code', 500, 'http.response.status_code:500'],
  ['user', 'a "b" c', 'user:"a \\"b\\" c"'],
])('writes the query for %s', (key, value, query) => {
  expect(queryTerm(key, value)).toBe(query);
});
