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

declare global {
  interface Window {
    /** Left by public/early.js, which runs before any of this is here. */
    hoplineEarly?: { id: string; answer: Promise<Response> };
  }
}

let asked: Asked | undefined = left();

/** What public/early.js asked for. An answer that is an error is asked for again, so that it is told like any other. */
function left(): Asked | undefined {
  const early = typeof window === 'undefined' ? undefined : window.hoplineEarly;
  if (!early) return undefined;
  const stop = new AbortController();
  const bytes = early.answer.then(
    answer => (answer.ok ? answer.arrayBuffer() : ask(early.id, stop.signal)),
    () => ask(early.id, stop.signal),
  );
  bytes.catch(() => undefined);
  return { id: early.id, at: Date.now(), bytes, stop };
}

function ask(id: string, signal: AbortSignal): Promise<ArrayBuffer> {
  return getBytes(`/api/v1/traces/${encodeURIComponent(id)}`, ARROW, { view: 'tree' }, signal);
}

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
