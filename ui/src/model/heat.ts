// Cells of a latency heat map from traces at hand: where the server has none for the whole result.

import type { Span } from './time';
import type { TraceSummary } from './types';

export interface Cell {
  time: bigint;
  min: number;
  max: number;
  count: number;
  errors: number;
}

/** Buckets of equal time, and of equal steps of the logarithm of duration. */
export function heatOf(
  traces: readonly TraceSummary[],
  span: Span,
  buckets: number,
  rows: number,
): { bucket: bigint; cells: Cell[] } {
  const bucket = (span.to - span.from) / BigInt(buckets) + 1n;
  const durations = traces.map(trace => Math.max(trace.duration, 1));
  const low = Math.min(...durations);
  const step = Math.log((Math.max(...durations) * 1.000001) / low) / rows || 1;
  const cells = new Map<string, Cell>();
  traces.forEach((trace, index) => {
    if (trace.start < span.from || trace.start >= span.to) return;
    const column = (trace.start - span.from) / bucket;
    const row = Math.floor(Math.log(durations[index]! / low) / step);
    const key = `${column} ${row}`;
    let cell = cells.get(key);
    if (!cell) {
      cell = {
        time: span.from + column * bucket,
        min: low * Math.exp(row * step),
        max: low * Math.exp((row + 1) * step),
        count: 0,
        errors: 0,
      };
      cells.set(key, cell);
    }
    cell.count += 1;
    if (trace.errors > 0) cell.errors += 1;
  });
  return { bucket, cells: [...cells.values()] };
}
