/**
 * The whole trace in a strip: every pixel is painted at most once, whatever the number of spans. A rectangle per span
 * takes half a second for 100,000 of them; this takes some milliseconds.
 */

import { type Extent, startOf, type Trace } from '../../../model/trace';

/** Colours as the canvas stores them: red in the lowest byte. */
export interface MinimapColours {
  services: Uint32Array;
  error: number;
}

/** Spans are drawn at least this wide and a row at most this high, in device pixels. */
const ROW_HEIGHT_MAX = 4;

/** Next free pixel at or after `x` of one line; paths are shortened on the way, so that filling a line is nearly linear. */
function free(next: Int32Array, base: number, x: number): number {
  let end = x;
  while (next[base + end]! !== end) end = next[base + end]!;
  for (let at = x; at < end; ) {
    const after = next[base + at]!;
    next[base + at] = end;
    at = after;
  }
  return end;
}

export function minimapPixels(
  trace: Trace,
  bounds: Extent,
  adjusted: boolean,
  width: number,
  height: number,
  colours: MinimapColours,
): Uint32Array {
  const pixels = new Uint32Array(width * height);
  const line = Math.max(1, Math.min(ROW_HEIGHT_MAX, Math.floor(height / Math.max(trace.length, 1))));
  const lines = Math.max(1, Math.floor(height / line));
  const stride = width + 1;
  const next = new Int32Array(lines * stride);
  const scale = width / (bounds.to - bounds.from);
  const perLine = Math.max(1, trace.length / lines);

  // Errors first: where a pixel stands for many spans, the failed one is shown.
  for (const failed of [1, 0]) {
    if (failed) for (let at = 0; at < next.length; at++) next[at] = at % stride;
    for (let row = 0; row < trace.length; row++) {
      if (trace.failed[row] !== failed) continue;
      const at = Math.min(lines - 1, Math.floor(row / perLine));
      const start = (startOf(trace, row, adjusted) - bounds.from) * scale;
      const from = Math.min(width - 1, Math.max(0, Math.floor(start)));
      const to = Math.min(width, Math.max(from + 1, Math.ceil(start + trace.duration[row]! * scale)));
      const colour = failed ? colours.error : colours.services[trace.service.codes[row]!]!;
      const base = at * stride;
      for (let x = free(next, base, from); x < to; x = free(next, base, x)) {
        for (let y = 0; y < line; y++) pixels[(at * line + y) * width + x] = colour;
        next[base + x] = x + 1;
      }
    }
  }
  return pixels;
}
