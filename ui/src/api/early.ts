// The tree of a trace, asked for as soon as its address is known: while the code of its page is still on its way.

import { getBytes } from './client';

export const ARROW = 'application/vnd.apache.arrow.stream';

/** An answer that nobody took by then is not waited for: the trace may have grown. */
const KEPT_MS = 10_000;

interface Asked {
  id: string;
  at: number;
  bytes: Promise<ArrayBuffer>;
  stop: AbortController;
}

let asked: Asked | undefined;

const ask = (id: string, signal: AbortSignal) =>
  getBytes(`/api/v1/traces/${encodeURIComponent(id)}`, ARROW, { view: 'tree' }, signal);

/** Only the last one asked for is kept: the pointer runs over many links. */
export function askTree(id: string): void {
  if (asked?.id === id && Date.now() - asked.at < KEPT_MS) return;
  asked?.stop.abort();
  const stop = new AbortController();
  const bytes = ask(id, stop.signal);
  // Whoever takes it is told; unasked-for, a failure is none.
  bytes.catch(() => undefined);
  asked = { id, at: Date.now(), bytes, stop };
}

/** The answer under way, once; else a new one. */
export function takeTree(id: string, signal: AbortSignal): Promise<ArrayBuffer> {
  if (asked?.id !== id || Date.now() - asked.at >= KEPT_MS) return ask(id, signal);
  const { bytes, stop } = asked;
  asked = undefined;
  signal.addEventListener('abort', () => stop.abort());
  return bytes;
}
