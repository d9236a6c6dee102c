/** Two traces laid side by side, step by step of their trees: what is slower, faster, there in only one. */

import type { TraceSummary } from './types';

export interface Side {
  count: number;
  nano: number;
  self: number;
  errors: number;
}

export type Change = 'same' | 'slower' | 'faster' | 'added' | 'missing';

export interface Step {
  depth: number;
  /** Place of the step above, −1 for a root. */
  parent: number;
  service: string;
  name: string;
  kind: string;
  a: Side | undefined;
  b: Side | undefined;
  /** What b took more than a. */
  delta: number;
  change: Change;
}

export interface Comparison {
  a: TraceSummary | undefined;
  b: TraceSummary | undefined;
  steps: Step[];
  attributes: { key: string; a: string | undefined; b: string | undefined }[];
  warnings: string[];
}

/** What b spent in the step itself more than a: where a difference is made, not only passed on. */
export function selfDelta(step: Step): number {
  return (step.b?.self ?? 0) - (step.a?.self ?? 0);
}

export function differs(step: Step): boolean {
  return step.change !== 'same' || (step.a?.errors ?? 0) !== (step.b?.errors ?? 0) || step.a?.count !== step.b?.count;
}

/** Steps that differ, and those above them, so that none is seen without its way from the root. */
export function differing(steps: readonly Step[]): Step[] {
  const keep = new Uint8Array(steps.length);
  for (let at = steps.length - 1; at >= 0; at--) {
    const step = steps[at]!;
    if (differs(step)) keep[at] = 1;
    if (keep[at] && step.parent >= 0) keep[step.parent] = 1;
  }
  return steps.filter((_, at) => keep[at]);
}

/** The steps that make most of the difference, those with the largest change in themselves first. */
export function movers(steps: readonly Step[], most: number): Step[] {
  return steps
    .filter(step => Math.abs(selfDelta(step)) > 0)
    .toSorted((x, y) => Math.abs(selfDelta(y)) - Math.abs(selfDelta(x)))
    .slice(0, most);
}
