// Which of the palette's colours a service has: by its name alone, so that it is the same on every page and every day.

export const SERVICE_COLOURS = 10;

/** FNV-1a over the name, spread over the palette; the start was chosen so that the eight services of the demo differ. */
export function serviceColour(name: string): number {
  let hash = 0x811c9dd1;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  hash ^= hash >>> 15;
  return (hash >>> 0) % SERVICE_COLOURS;
}

/** For a style attribute. */
export function serviceVariable(name: string): string {
  return `var(--service-${serviceColour(name)})`;
}
