// Keys and what they do: one listener, one list that `?` and the palette show.

import { useEffect, useRef, useSyncExternalStore } from 'react';
import { preferences } from './preferences';

export interface Hotkey {
  /** `j`, `Shift+D`, `Mod+k` (Ctrl or ⌘), or two in a row: `g t`. */
  keys: string;
  about: string;
  group: string;
  run: () => void;
  /** Not shown in the palette: moves and the like. */
  hidden?: boolean;
}

let registered: Hotkey[] = [];
const listeners = new Set<() => void>();
let pending = '';
let pendingUntil = 0;

function change(next: Hotkey[]): void {
  registered = next;
  for (const listener of listeners) listener();
}

/** `Mod+k`, `Shift+D`, `?`: a printed character carries its own Shift, letters and named keys say it. */
export function keyName(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string {
  const letter = /^[a-z]$/i.test(event.key);
  const named = event.key.length > 1;
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push('Mod');
  if (event.altKey) parts.push('Alt');
  if (event.shiftKey && (letter || named)) parts.push('Shift');
  parts.push(letter && !event.shiftKey ? event.key.toLowerCase() : event.key);
  return parts.join('+');
}

function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return !!element?.closest?.('input, textarea, select, [contenteditable="true"]');
}

export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented) return;
  const name = keyName(event);
  const single = !name.startsWith('Mod+');
  if (single && (typing(event.target) || !preferences().singleKeys || document.querySelector('dialog[open]'))) return;
  const now = Date.now();
  const sequence = pending && now < pendingUntil ? `${pending} ${name}` : name;
  // The newest registration wins: a page's keys over the shell's.
  const hit =
    registered.findLast(one => one.keys === sequence) ??
    (sequence === name ? undefined : registered.findLast(one => one.keys === name));
  if (hit) {
    pending = '';
    event.preventDefault();
    hit.run();
    return;
  }
  if (registered.some(one => one.keys.startsWith(`${name} `))) {
    pending = name;
    pendingUntil = now + 1200;
  } else {
    pending = '';
  }
}

/** Registers keys while a component stands; `run` may change between renders. */
export function useHotkeys(keys: Hotkey[]): void {
  const latest = useRef(keys);
  latest.current = keys;
  const names = keys.map(one => one.keys).join('\n');
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list is read through the ref; only its keys decide.
  useEffect(() => {
    const own = latest.current.map((one, index) => ({ ...one, run: () => latest.current[index]?.run() }));
    change([...registered, ...own]);
    return () => change(registered.filter(one => !own.includes(one)));
  }, [names]);
}

export function useRegisteredHotkeys(): Hotkey[] {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => registered,
  );
}

/** As it is printed: `Ctrl K` or `⌘K`. */
export function printKeys(keys: string): string[] {
  const apple = /Mac|iPhone|iPad/.test(navigator.platform);
  const names: Record<string, string> = {
    Mod: apple ? '⌘' : 'Ctrl',
    ArrowUp: '↑',
    ArrowDown: '↓',
    ArrowLeft: '←',
    ArrowRight: '→',
    Escape: 'Esc',
  };
  return keys.split(' ').flatMap(part => part.split('+').map(key => names[key] ?? key));
}
