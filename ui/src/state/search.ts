// How an address is read and written: plain `name=value`, nothing quoted, the query as it was typed.

export type Search = Record<string, string | undefined>;

export function readSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text));
}

/** Keeps what may stand in an address as it is: `q=service:cart+duration:>500ms`. */
export function writeSearch(search: Record<string, unknown>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(search)) {
    if (value === undefined || value === null || value === '') continue;
    parts.push(`${encode(name)}=${encode(String(value))}`);
  }
  return parts.length ? `?${parts.join('&')}` : '';
}

function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/%20/g, '+')
    .replace(/%(3A|2F|2C|40|24|3B)/gi, match => decodeURIComponent(match));
}
