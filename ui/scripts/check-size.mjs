// What a browser loads before the first screen and before each page, gzipped; fails over the budget.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const FIRST_SCREEN_MAX = 250_000;
const CHUNK_MAX = 150_000;
const WHOLE_MAX = 1_200_000;

const size = path => statSync(existsSync(`${path}.gz`) ? `${path}.gz` : path).size;
const html = readFileSync(join(DIST, 'index.html'), 'utf8');
const assets = readdirSync(join(DIST, 'assets')).filter(name => /\.(js|css)$/.test(name));

/** Files an asset needs before it can run: static imports, followed to the end. */
function needed(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  if (name.endsWith('.js')) {
    const text = readFileSync(join(DIST, 'assets', name), 'utf8');
    for (const [, other] of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) needed(other, found);
  }
  return found;
}

const entry = new Set([...html.matchAll(/assets\/([^"']+\.(?:js|css))/g)].flatMap(([, name]) => [...needed(name)]));
const sum = names => [...names].reduce((total, name) => total + size(join(DIST, 'assets', name)), 0);
// A page's own chunk with its style.
const page = stem => assets.filter(name => name.startsWith(`${stem}-`));
const withPage = stem => new Set([...entry, ...page(stem).flatMap(name => [...needed(name)])]);

const kB = bytes => `${(bytes / 1000).toFixed(1)} kB`;
const pages = [
  'HomePage',
  'TracesPage',
  'TracePage',
  'ComparePage',
  'LogsPage',
  'ServicesPage',
  'ServicePage',
  'MapPage',
  'SqlPage',
  'SettingsPage',
];
const failures = [];
console.log(`page sizes, gzipped: shell ${kB(sum(entry))}`);
for (const stem of pages) {
  if (page(stem).length === 0) failures.push(`no chunk of ${stem} in dist/assets`);
  const total = sum(withPage(stem));
  console.log(`  ${stem.padEnd(13)} ${kB(total).padStart(9)} of ${kB(FIRST_SCREEN_MAX)}`);
  if (total > FIRST_SCREEN_MAX) failures.push(`${stem} needs ${kB(total)}`);
}
for (const name of assets) {
  if (size(join(DIST, 'assets', name)) > CHUNK_MAX) failures.push(`${name} alone is over ${kB(CHUNK_MAX)}`);
}
const whole = sum(assets);
console.log(`  everything    ${kB(whole).padStart(9)} of ${kB(WHOLE_MAX)}`);
if (whole > WHOLE_MAX) failures.push(`everything together is ${kB(whole)}`);
if (failures.length > 0) {
  console.error(failures.join('\n'));
  process.exit(1);
}
