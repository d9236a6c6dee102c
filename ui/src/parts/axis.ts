// Where moments and durations stand on a chart.

import { axisTicks, type Nanos, type Span, type Zone } from '../model/time';

export const AXIS_HEIGHT = 18;

export function xOf(at: Nanos, span: Span, left: number, width: number): number {
  return left + (Number(at - span.from) / Number(span.to - span.from)) * width;
}

export function timeAt(x: number, span: Span, left: number, width: number): Nanos {
  const share = Math.min(1, Math.max(0, (x - left) / width));
  return span.from + BigInt(Math.round(share * Number(span.to - span.from)));
}

/** Marks and labels of a time axis along the lower edge. */
export function paintTimeAxis(
  context: CanvasRenderingContext2D,
  span: Span,
  zone: Zone,
  area: { left: number; width: number; bottom: number },
  colours: { text: string; line: string },
  font: string,
): void {
  context.font = font;
  context.fillStyle = colours.text;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.textBaseline = 'top';
  context.textAlign = 'center';
  context.beginPath();
  context.moveTo(area.left, area.bottom + 0.5);
  context.lineTo(area.left + area.width, area.bottom + 0.5);
  context.stroke();
  for (const tick of axisTicks(span, Math.max(2, Math.floor(area.width / 90)), zone)) {
    const x = Math.round(xOf(tick.at, span, area.left, area.width)) + 0.5;
    const half = context.measureText(tick.label).width / 2;
    if (x - half < area.left - 2 || x + half > area.left + area.width + 2) continue;
    context.fillText(tick.label, x, area.bottom + 5);
    context.beginPath();
    context.moveTo(x, area.bottom + 1);
    context.lineTo(x, area.bottom + 4);
    context.stroke();
  }
}

/** Less than this between the smallest and the largest, and there is room on either side: they stand in the middle. */
const WIDEST_FLAT = 4;

/** A logarithmic scale of durations between the smallest and the largest, never of no height. */
export interface LogScale {
  low: number;
  high: number;
}

export function logScale(smallest: number, largest: number): LogScale {
  const low = Math.max(smallest, 1);
  if (largest >= low * WIDEST_FLAT) return { low, high: largest };
  const middle = Math.sqrt(low * Math.max(largest, low));
  return { low: Math.max(1, middle / WIDEST_FLAT), high: middle * WIDEST_FLAT };
}

export function yOf(duration: number, scale: LogScale, top: number, height: number): number {
  const share = Math.log(Math.max(duration, scale.low) / scale.low) / Math.log(scale.high / scale.low);
  return top + height - Math.min(1, share) * height;
}

export function durationAt(y: number, scale: LogScale, top: number, height: number): number {
  const share = Math.min(1, Math.max(0, (top + height - y) / height));
  return scale.low * (scale.high / scale.low) ** share;
}

/** Round durations inside the scale: powers of ten, or 1-2-5 when there are few. */
export function logTicks(scale: LogScale): number[] {
  const ticks = [];
  const steps = scale.high / scale.low > 1e3 ? [1] : [1, 2, 5];
  for (let power = 0; power <= 18; power++) {
    for (const step of steps) {
      const tick = step * 10 ** power;
      if (scale.low <= tick && tick <= scale.high) ticks.push(tick);
    }
  }
  return ticks;
}
