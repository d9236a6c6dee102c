// Traces that were opened here: dimmed in lists, offered on the first page.

import { useSyncExternalStore } from 'react';

export interface Visit {
  id: string;
  name: string;
  at: number;
}

const KEY = 'hopline.visited';
const KEPT = 50;
let visits = load();
const listeners = new Set<() => void>();

function load(): Visit[] {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(stored) ? stored : [];
  } catch {
    return [];
  }
}

/** Remembers that a trace was opened. */
export function visited(id: string, name: string): void {
  visits = [{ id, name, at: Date.now() }, ...visits.filter(one => one.id !== id)].slice(0, KEPT);
  try {
    localStorage.setItem(KEY, JSON.stringify(visits));
  } catch {
    // Refused storage: remembered for this visit.
  }
  for (const listener of listeners) listener();
}

export function useVisits(): Visit[] {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => visits,
  );
}
