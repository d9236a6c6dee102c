// Choices that outlive the visit, in local storage.

import { useSyncExternalStore } from 'react';
import type { Zone } from '../model/time';

export interface Preferences {
  theme: 'system' | 'light' | 'dark';
  zone: Zone;
  density: 'dense' | 'roomy';
  /** Whether single keys act (WCAG 2.1.4 asks that they can be turned off). */
  singleKeys: boolean;
  railOpen: boolean;
  facetsOpen: boolean;
}

const KEY = 'hopline.preferences';
const DEFAULTS: Preferences = {
  theme: 'system',
  zone: 'local',
  density: 'dense',
  singleKeys: true,
  railOpen: true,
  facetsOpen: true,
};

let current = load();
const listeners = new Set<() => void>();

function load(): Preferences {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? '{}') };
  } catch {
    return { ...DEFAULTS };
  }
}

export function preferences(): Preferences {
  return current;
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // Refused storage: the choice holds for this visit.
  }
  applyPreferences();
  for (const listener of listeners) listener();
}

/** Theme and density stand on the root element; `public/theme.js` does the same before the first paint. */
export function applyPreferences(): void {
  const root = document.documentElement;
  if (current.theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = current.theme;
  root.dataset.density = current.density;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, preferences);
}

/** The theme that is shown: the chosen one, or the system's. */
export function shownTheme(): 'light' | 'dark' {
  if (current.theme !== 'system') return current.theme;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Changes when colours change, whoever changed them: for what paints on a canvas. */
export function useShownTheme(): 'light' | 'dark' {
  return useSyncExternalStore(listener => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    media.addEventListener('change', listener);
    const unsubscribe = subscribe(listener);
    return () => {
      media.removeEventListener('change', listener);
      unsubscribe();
    };
  }, shownTheme);
}
