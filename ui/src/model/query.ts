// The text of a query, as far as clicks must change it. The server alone parses it.

/** Splits at spaces outside quotes, parentheses and braces. */
export function termsOf(q: string): string[] {
  const terms: string[] = [];
  let term = '';
  let quoted = false;
  let depth = 0;
  for (let i = 0; i < q.length; i++) {
    const char = q[i]!;
    if (quoted) {
      if (char === '\\' && i + 1 < q.length) {
        term += char + q[++i];
        continue;
      }
      if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '(' || char === '{') depth += 1;
    else if (char === ')' || char === '}') depth -= 1;
    else if (/\s/.test(char) && depth <= 0) {
      if (term) terms.push(term);
      term = '';
      continue;
    }
    term += char;
  }
  if (term) terms.push(term);
  return terms;
}

/** A value as it must be written after `field:`. */
export function quoteValue(value: string): string {
  return /^[\p{L}\p{N}_./@-]+$/u.test(value) && !/^-|\.\./.test(value) && !/^(OR|AND|NOT)$/.test(value)
    ? value
    : `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

export function fieldTerm(field: string, value: string, exclude = false): string {
  return `${exclude ? '-' : ''}${/^[\p{L}\p{N}_./@-]+$/u.test(field) ? field : `"${field.replace(/[\\"]/g, '\\$&')}"`}:${quoteValue(value)}`;
}

export function hasTerm(q: string, term: string): boolean {
  return termsOf(q).includes(term);
}

/** Adds a term once; its opposite goes. A query of several alternatives is put in parentheses first. */
export function addTerm(q: string, term: string): string {
  const opposite = term.startsWith('-') ? term.slice(1) : `-${term}`;
  const terms = termsOf(q).filter(one => one !== opposite && one !== term);
  const kept = terms.includes('OR') ? [`(${terms.join(' ')})`] : terms;
  return [...kept, term].join(' ');
}

export function removeTerm(q: string, term: string): string {
  return termsOf(q)
    .filter(one => one !== term)
    .join(' ');
}

/** Adds it, or takes it away when it is there. */
export function toggleTerm(q: string, term: string): string {
  return hasTerm(q, term) ? removeTerm(q, term) : addTerm(q, term);
}

/** Another filter on the same field replaces the ones before: for ranges drawn on a chart. */
export function replaceField(q: string, field: string, term: string): string {
  const kept = termsOf(q).filter(one => !one.startsWith(`${field}:`));
  return addTerm(kept.join(' '), term);
}

/** The query without its last term, and that term; nothing when there is none to take. */
export function withoutLast(q: string): { q: string; term: string } | undefined {
  const terms = termsOf(q);
  const term = terms.pop();
  if (term === undefined) return undefined;
  while (terms.at(-1) === 'OR' || terms.at(-1) === 'NOT') terms.pop();
  return { q: terms.join(' '), term };
}

/** A duration as the language writes it: `12.5ms`. */
export function durationLiteral(nanos: number): string {
  for (const [size, unit] of [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'us'],
  ] as const) {
    if (nanos >= size) return `${Number((nanos / size).toPrecision(3))}${unit}`;
  }
  return `${Math.round(nanos)}ns`;
}
