/** Round moments for the time axis. */

import type { Extent } from '../../../model/trace';

export interface Tick {
  at: number;
  label: string;
}

/** The smallest of 1, 2, 5 × 10ⁿ that is not below `least`. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  for (const step of [1, 2, 5]) if (step * power >= least) return step * power;
  return 10 * power;
}

const AXIS: [string, number, number][] = [
  // unit, its size, from which step on it is used
  ['min', 60e9, 60e9],
  ['s', 1e9, 100e6],
  ['ms', 1e6, 100e3],
  ['µs', 1e3, 100],
  ['ns', 1, 0],
];

/** With just the digits that the step needs, in one unit along the whole axis. */
export function tickLabel(nano: number, step: number): string {
  const [unit, size] = AXIS.find(([, , from]) => step >= from)!;
  const digits = Math.min(3, Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9)));
  return nano === 0 ? `0 ${unit}` : `${(nano / size).toFixed(digits)} ${unit}`;
}

export function ticks(view: Extent, width: number, pixelsMin = 96): Tick[] {
  const length = view.to - view.from;
  const raw = (length * pixelsMin) / Math.max(width, 1);
  // Over a minute, steps are whole minutes rather than 50 or 100 seconds.
  const step = raw > 20e9 ? roundStep(Math.max(1, raw / 60e9)) * 60e9 : roundStep(raw);
  const list: Tick[] = [];
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    list.push({ at, label: tickLabel(at, step) });
  }
  return list;
}
