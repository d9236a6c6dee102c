/** What lies on the bars besides the spans: moments, stretches of the critical path, sums of folded siblings; each by row. */

import type { Segment, Trace, TraceLog } from '../../../model/trace';
import { type Fold, fold } from '../../../model/traceRows';
import type { Moment } from './scene';

type Severity = TraceLog['log']['severity'];

function colourOf(severity: Severity): Moment['colour'] {
  if (severity === 'fatal' || severity === 'error') return 'error';
  return severity === 'warn' || severity === 'info' ? severity : 'debug';
}

export class Layers {
  private moments = new Map<number, Moment[]>();
  private critical = new Map<number, Segment[]>();
  private next = new Map<Segment, Segment>();
  private sums = new Map<number, Fold>();

  momentsOf(row: number): readonly Moment[] | undefined {
    return this.moments.get(row);
  }

  criticalOf(row: number): readonly Segment[] | undefined {
    return this.critical.get(row);
  }

  /** The stretch that follows on the critical path. */
  after(segment: Segment): Segment | undefined {
    return this.next.get(segment);
  }

  /** Counted once for each fold, until times change. */
  foldOf(trace: Trace, first: number, adjusted: boolean): Fold {
    let sum = this.sums.get(first);
    if (!sum) {
      sum = fold(trace, first, adjusted);
      this.sums.set(first, sum);
    }
    return sum;
  }

  forgetFolds(): void {
    this.sums.clear();
  }

  placeMoments(events: ReadonlyMap<number, readonly number[]>, logs: readonly TraceLog[]): void {
    this.moments = new Map();
    const add = (row: number, moment: Moment) => {
      const list = this.moments.get(row);
      if (list) list.push(moment);
      else this.moments.set(row, [moment]);
    };
    for (const [row, times] of events) for (const at of times) add(row, { at, colour: 'event' });
    for (const { row, at, log } of logs) if (row >= 0) add(row, { at, colour: colourOf(log.severity) });
  }

  /** `segments` are placed by corrected clocks; shown as reported, each moves with its span. */
  placeSegments(segments: readonly Segment[], skew: Float64Array, adjusted: boolean): void {
    this.critical = new Map();
    this.next = new Map();
    let last: Segment | undefined;
    for (const placed of segments) {
      const back = adjusted ? 0 : (skew[placed.row] ?? 0);
      const segment = back === 0 ? placed : { ...placed, from: placed.from - back, to: placed.to - back };
      const list = this.critical.get(segment.row);
      if (list) list.push(segment);
      else this.critical.set(segment.row, [segment]);
      if (last) this.next.set(last, segment);
      last = segment;
    }
  }
}
