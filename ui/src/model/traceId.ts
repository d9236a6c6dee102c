/** A trace id in what was pasted: bare, with dashes, in a traceparent or in a link. Old ids of 16 digits are padded. */
export function traceIdIn(text: string): string | undefined {
  const parent = /\b[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\b/i.exec(text);
  if (parent) return parent[1]!.toLowerCase();
  const dashed = /\b([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\b/i.exec(text);
  if (dashed) return dashed.slice(1).join('').toLowerCase();
  const bare = /(?:^|[^0-9a-f])([0-9a-f]{32}|[0-9a-f]{16})(?![0-9a-f])/i.exec(text);
  return bare?.[1]?.toLowerCase().padStart(32, '0');
}
