/** Which spans are closed and which runs of equal siblings are open. */

import type { SpanIndex, Trace } from '../../../model/trace';
import { RowKind, startsFold, type VisibleRows } from '../../../model/traceRows';

export class Folding {
  readonly collapsed = new Set<number>();
  readonly unfolded = new Set<number>();

  /** Opens or closes what a row stands for, or turns it round; false when nothing changed. */
  toggle(rows: VisibleRows, index: number, opens: (span: number) => boolean, open?: boolean): boolean {
    const ref = rows.ref[index]!;
    if (rows.kind[index] === RowKind.fold) {
      if (open === this.unfolded.has(ref)) return false;
      if (!this.unfolded.delete(ref)) this.unfolded.add(ref);
      return true;
    }
    if (rows.kind[index] !== RowKind.span || !opens(ref)) return false;
    if (open === !this.collapsed.has(ref)) return false;
    if (!this.collapsed.delete(ref)) this.collapsed.add(ref);
    return true;
  }

  /** Opens or closes a whole subtree, or the trace (−1): then the first level stays open. */
  setSubtree(trace: Trace, span: number, close: boolean): void {
    const from = Math.max(span, 0);
    const to = span < 0 ? trace.length : span + trace.size[span]!;
    for (let row = from; row < to; row++) {
      if (!close) {
        this.collapsed.delete(row);
        if (startsFold(trace, row)) this.unfolded.add(row);
      } else {
        this.unfolded.delete(row);
        if (trace.size[row]! > 1 && (span >= 0 || trace.depth[row]! > 0)) this.collapsed.add(row);
      }
    }
  }

  /** The same spans in another tree of the same trace, where they stand in other rows. */
  carry(before: Trace, index: SpanIndex): void {
    for (const rows of [this.collapsed, this.unfolded]) {
      const spans = [...rows].map(row => index.row(before.spanIds.at(row) ?? '')).filter(row => row >= 0);
      rows.clear();
      for (const row of spans) rows.add(row);
    }
  }
}
