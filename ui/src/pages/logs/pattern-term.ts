/** The query that finds a pattern's logs: its longest run of fixed words, as a phrase. */
export function patternTerm(pattern: string): string | undefined {
  const runs = pattern
    .split(/<[^<>]*>|\*/)
    .map(run => run.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ''))
    .filter(run => /\p{L}{2}/u.test(run));
  const longest = runs.toSorted((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : `"${longest.replace(/[\\"]/g, '\\$&')}"`;
}
