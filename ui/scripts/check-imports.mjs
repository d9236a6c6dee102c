// Which folder of src/ may import which: pages → parts, state, api → model. Sideways imports between pages are a sign that something is a part.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const SRC = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');
const ALLOWED = {
  model: ['model'],
  api: ['api', 'model'],
  state: ['state', 'model'],
  parts: ['parts', 'state', 'model'],
  pages: ['parts', 'state', 'api', 'model'],
  shell: ['shell', 'parts', 'state', 'api', 'model'],
  style: ['style', 'model'],
};

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else if (/\.tsx?$/.test(name)) yield path;
  }
}

const wrong = [];
let checked = 0;
for (const path of files(SRC)) {
  const own = relative(SRC, path).split(sep);
  if (own.length === 1) continue; // main.tsx and App.tsx put everything together.
  for (const [, target] of readFileSync(path, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g)) {
    const other = relative(SRC, normalize(join(dirname(path), target))).split(sep);
    if (target.endsWith('.css')) continue; // Looks are shared by all.
    checked += 1;
    const samePage = own[0] === 'pages' && other[0] === 'pages' && own[1] === other[1];
    if (!samePage && !ALLOWED[own[0]]?.includes(other[0])) wrong.push(`${own.join('/')} imports ${other.join('/')}`);
  }
}
if (checked === 0) wrong.push(`no import was found under ${SRC}`);
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
