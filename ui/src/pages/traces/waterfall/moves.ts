/** Where a step leads among the visible rows: plain look-ups, −1 where there is nothing. */

import { ancestors, type Extent, startOf, type Trace } from '../../../model/trace';
import { type Fold, findSpanRow, RowKind, type VisibleRows } from '../../../model/traceRows';

/** The row that stands for what stood there before; of a hidden span its nearest ancestor that is not. */
export function rowOf(rows: VisibleRows, trace: Trace, kind: number, ref: number): number {
  if (kind < 0) return -1;
  if (kind === RowKind.span) {
    const found = findSpanRow(rows, ref);
    if (found >= 0) return found;
    return ancestors(trace, ref).reduce((last, span) => Math.max(last, findSpanRow(rows, span)), -1);
  }
  for (let index = 0; index < rows.length; index++) {
    if (rows.kind[index] === kind && rows.ref[index] === ref) return index;
  }
  return -1;
}

export function parentRow(rows: VisibleRows, row: number): number {
  for (let index = row - 1; index >= 0; index--) if (rows.level[index]! < rows.level[row]!) return index;
  return -1;
}

/** The first row below it that belongs to it. */
export function childRow(rows: VisibleRows, row: number): number {
  return row + 1 < rows.length && rows.level[row + 1]! > rows.level[row]! ? row + 1 : -1;
}

/** The span of a row, or the one it belongs to. */
export function spanAbove(rows: VisibleRows, row: number): number {
  for (let index = row; index >= 0; index--) if (rows.kind[index] !== RowKind.log) return rows.ref[index]!;
  return -1;
}

/** The stretch of time a row covers; nothing for a log. */
export function stretchOf(
  rows: VisibleRows,
  trace: Trace,
  row: number,
  adjusted: boolean,
  folds: (first: number) => Fold,
): Extent | undefined {
  const ref = rows.ref[row]!;
  if (rows.kind[row] === RowKind.fold) return folds(ref);
  if (rows.kind[row] !== RowKind.span) return undefined;
  const from = startOf(trace, ref, adjusted);
  return { from, to: from + trace.duration[ref]! };
}
