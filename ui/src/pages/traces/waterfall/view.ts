/** The stretch of time on screen, and how it is moved: plain arithmetic in nanoseconds, always inside the trace. */

import type { Extent } from '../../../model/trace';

/** Nobody can tell less than this apart, and numbers stay exact. */
export const VIEW_NANO_MIN = 50;

/** Moves and shrinks a stretch until it lies inside the bounds. */
export function clamp(view: Extent, bounds: Extent): Extent {
  const whole = bounds.to - bounds.from;
  const length = Math.min(Math.max(view.to - view.from, Math.min(VIEW_NANO_MIN, whole)), whole);
  const from = Math.min(Math.max(view.from, bounds.from), bounds.to - length);
  return { from, to: from + length };
}

/** `factor` below 1 zooms in; the moment `at` stays where it is. */
export function zoom(view: Extent, at: number, factor: number, bounds: Extent): Extent {
  const length = (view.to - view.from) * factor;
  const share = (at - view.from) / (view.to - view.from);
  const from = at - share * length;
  return clamp({ from, to: from + length }, bounds);
}

/** `share` of the stretch to the right, negative to the left. */
export function pan(view: Extent, share: number, bounds: Extent): Extent {
  const step = (view.to - view.from) * share;
  return clamp({ from: view.from + step, to: view.to + step }, bounds);
}

/** The span with some air on both sides. */
export function around(start: number, duration: number, bounds: Extent): Extent {
  const length = Math.max(duration, VIEW_NANO_MIN) * 1.25;
  const middle = start + duration / 2;
  return clamp({ from: middle - length / 2, to: middle + length / 2 }, bounds);
}

export function isWhole(view: Extent, bounds: Extent): boolean {
  return view.from <= bounds.from && view.to >= bounds.to;
}

const NANO = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 } as const;

/** For the address: `12.5ms..80ms`, since the start of the trace. */
export function writeZoom(view: Extent): string {
  const length = view.to - view.from;
  const unit = length >= 1e9 ? 's' : length >= 1e6 ? 'ms' : length >= 1e3 ? 'us' : 'ns';
  const one = (nano: number) => `${Number((nano / NANO[unit]).toFixed(3))}${unit}`;
  return `${one(view.from)}..${one(view.to)}`;
}

export function readZoom(words: string | undefined): Extent | undefined {
  const parts = /^(-?[\d.]+)(ns|us|ms|s)\.\.(-?[\d.]+)(ns|us|ms|s)$/.exec(words ?? '');
  if (!parts) return undefined;
  const from = Number(parts[1]) * NANO[parts[2] as keyof typeof NANO];
  const to = Number(parts[3]) * NANO[parts[4] as keyof typeof NANO];
  return from < to ? { from, to } : undefined;
}
