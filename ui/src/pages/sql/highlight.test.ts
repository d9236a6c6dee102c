import { describe, expect, it } from 'vitest';
import { highlight } from './highlight';

const said = (query: string) =>
  highlight(query)
    .filter(token => token.kind !== 'plain')
    .map(token => `${token.kind}:${token.text}`);

describe('colouring a query', () => {
  it('knows keywords, functions, texts, numbers and comments', () => {
    expect(said("select count(*), 'it''s' from spans -- all\nwhere duration_nano > 1.5e6")).toEqual([
      'keyword:select',
      'function:count',
      "string:'it''s'",
      'keyword:from',
      'comment:-- all',
      'keyword:where',
      'number:1.5e6',
    ]);
  });
  it('leaves keywords inside texts and names alone', () => {
    expect(said(`"select" = 'from' and selected`)).toEqual(["string:'from'", 'keyword:and']);
  });
  it('loses no character, whatever is typed', () => {
    for (const query of ['', "'", '/* open', `"x`, "select 'a\nb", 'a--b', '1e', 'ä∑ 🎈 select']) {
      expect(
        highlight(query)
          .map(token => token.text)
          .join(''),
      ).toBe(query);
    }
  });
});
