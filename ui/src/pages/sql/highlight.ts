/** The words of a query by what they are, for colouring it: every character is in exactly one token. */

export type Kind = 'keyword' | 'string' | 'number' | 'comment' | 'function' | 'plain';

export interface Token {
  kind: Kind;
  text: string;
}

const KEYWORDS = new Set(
  `select from where group by order limit offset as and or not in is null like ilike between case when then else end join left
  right inner outer full cross on using union all distinct having with asc desc over partition rows range exists cast interval
  true false explain analyze filter within values`.split(/\s+/),
);

const TOKENS =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$))|("(?:[^"]|"")*(?:"|$))|(\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b)|([a-z_]\w*)/gi;

export function highlight(query: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const add = (kind: Kind, text: string) => text && tokens.push({ kind, text });
  for (const match of query.matchAll(TOKENS)) {
    add('plain', query.slice(at, match.index));
    const [text, comment, string, quoted, number] = match;
    at = match.index + text.length;
    if (comment) add('comment', text);
    else if (string) add('string', text);
    else if (number) add('number', text);
    else if (quoted) add('plain', text);
    else if (KEYWORDS.has(text.toLowerCase())) add('keyword', text);
    else add(/^\s*\(/.test(query.slice(at, at + 8)) ? 'function' : 'plain', text);
  }
  add('plain', query.slice(at));
  return tokens;
}
