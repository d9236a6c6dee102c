// The palette holds what it promises, in both themes. axe cannot see inside a canvas: these tests can.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SERVICE_COLOURS } from '../model/colour';
import { contrast, distance, tokensOf, VISIONS } from './contrast';

const tokens = tokensOf(readFileSync(new URL('./tokens.css', import.meta.url), 'utf8'));
const THEMES = ['light', 'dark'] as const;
const SURFACES = ['--ground', '--surface', '--raised', '--sunken'];
const services = Array.from({ length: SERVICE_COLOURS }, (_, i) => `--service-${i}`);

const colour = (name: string, theme: (typeof THEMES)[number]) => {
  const token = tokens.get(name);
  if (!token) throw new Error(`no token ${name}`);
  return token[theme];
};

describe.each(THEMES)('%s', theme => {
  test('text can be read on every surface', () => {
    for (const text of ['--text', '--muted', '--accent', '--error', '--warn', '--good']) {
      for (const surface of [...SURFACES, '--hover', '--selected']) {
        expect(contrast(colour(text, theme), colour(surface, theme)), `${text} on ${surface}`).toBeGreaterThanOrEqual(
          4.5,
        );
      }
    }
    for (const [text, ground] of [
      ['--on-accent', '--accent-solid'],
      ['--text', '--warn-soft'],
      ['--text', '--good-soft'],
      ['--error', '--error-soft'],
      ['--muted', '--facet-tone'],
      ['--text', '--facet-tone'],
    ] as const) {
      expect(contrast(colour(text, theme), colour(ground, theme)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  test('what can be used, and what a chart shows, stands out', () => {
    for (const name of ['--edge', ...services, '--severity-info', '--severity-error', '--severity-fatal']) {
      for (const surface of ['--ground', '--surface']) {
        expect(contrast(colour(name, theme), colour(surface, theme)), `${name} on ${surface}`).toBeGreaterThanOrEqual(
          3,
        );
      }
    }
  });

  test('services are told apart with any colour vision', () => {
    for (const [vision, matrix] of Object.entries(VISIONS)) {
      for (const [i, one] of services.entries()) {
        for (const other of services.slice(i + 1)) {
          const apart = distance(colour(one, theme), colour(other, theme), matrix);
          expect(apart, `${one} and ${other}, ${vision}`).toBeGreaterThanOrEqual(0.06);
        }
      }
    }
  });
});

test('colours stand in the tokens alone', () => {
  const files = Object.entries(
    import.meta.glob('../**/*.{css,tsx,ts}', { query: '?raw', import: 'default', eager: true }) as Record<
      string,
      string
    >,
  ).filter(([path]) => !/tokens\.css$|contrast|\.test\.ts$/.test(path));
  expect(files.length).toBeGreaterThan(50);
  const found = files.filter(([, text]) => /oklch\(|#[0-9a-f]{6}\b|rgba?\(/i.test(text));
  expect(found.map(([path]) => path)).toEqual([]);
});
