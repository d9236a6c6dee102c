/** Attributes in reading order: what belongs together stands together. */

import type { Attributes, Json } from '../../../api/wire';

export interface AttributeGroup {
  name: string;
  attributes: Attributes;
}

/** By the first word of the key (`http`, `db`); keys that stand alone come last, together. */
export function groupAttributes(attributes: Attributes): AttributeGroup[] {
  const groups = new Map<string, [string, Json][]>();
  for (const entry of Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = entry[0].split('.')[0]!;
    const list = groups.get(name);
    if (list) list.push(entry);
    else groups.set(name, [entry]);
  }
  const shared = [...groups].filter(([, entries]) => entries.length > 1);
  const alone = [...groups].filter(([, entries]) => entries.length === 1).flatMap(([, entries]) => entries);
  const found = shared.map(([name, entries]) => ({ name, attributes: Object.fromEntries(entries) }));
  if (alone.length > 0) found.push({ name: 'other', attributes: Object.fromEntries(alone) });
  return found;
}

export function valueText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The query that finds spans with this value. */
export function queryTerm(key: string, value: Json): string {
  const words = valueText(value);
  return /^[\w./@-]+$/.test(words)
    ? `${key}:${words}`
    : `${key}:"${words.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
