// Latency over time: how many, how slow, where errors are. Dragging a box or clicking a cell filters.

import { useCallback, useMemo } from 'react';
import { formatDuration, formatWhole } from '../model/format';
import { formatClock, formatInstant, type Nanos, type Span, type Zone } from '../model/time';
import { AXIS_HEIGHT, durationAt, logScale, logTicks, paintTimeAxis, timeAt, xOf, yOf } from './axis';
import type { Box } from './brush';
import { Chart } from './Chart';
import { prepare, tokenColours } from './canvas';

export interface HeatCell {
  time: Nanos;
  min: number;
  max: number;
  count: number;
  errors: number;
}

export interface HeatData {
  span: Span;
  bucket: Nanos;
  cells: HeatCell[];
}

const LEFT = 58;
const TOP = 6;
const RIGHT = 8;

export function HeatMap({
  data,
  zone,
  title,
  onChoose,
}: {
  data: HeatData;
  zone: Zone;
  title: string;
  onChoose: (from: Nanos, to: Nanos, shortest: number, longest: number) => void;
}) {
  const { scale, most, total, errors } = useMemo(() => {
    let [smallest, largest, most, total, errors] = [Number.POSITIVE_INFINITY, 0, 1, 0, 0];
    for (const cell of data.cells) {
      smallest = Math.min(smallest, cell.min);
      largest = Math.max(largest, cell.max);
      most = Math.max(most, cell.count);
      total += cell.count;
      errors += cell.errors;
    }
    return { scale: logScale(Number.isFinite(smallest) ? smallest : 1e6, largest || 1e9), most, total, errors };
  }, [data]);

  const paint = useCallback(
    (canvas: HTMLCanvasElement) => {
      const ready = prepare(canvas);
      if (!ready) return;
      const { context, width, height } = ready;
      const colours = tokenColours(canvas, ['--heat-low', '--heat-high', '--muted', '--line', '--error']);
      const font = `11px ${getComputedStyle(canvas).fontFamily}`;
      const [w, h] = [width - LEFT - RIGHT, height - TOP - AXIS_HEIGHT];
      context.font = font;
      context.textAlign = 'right';
      context.textBaseline = 'middle';
      let lastY = Number.POSITIVE_INFINITY;
      for (const tick of logTicks(scale)) {
        const y = Math.round(yOf(tick, scale, TOP, h)) + 0.5;
        context.strokeStyle = colours['--line'];
        context.beginPath();
        context.moveTo(LEFT, y);
        context.lineTo(LEFT + w, y);
        context.stroke();
        if (lastY - y < 15) continue;
        lastY = y;
        context.fillStyle = colours['--muted'];
        context.fillText(formatDuration(tick), LEFT - 8, y);
      }
      for (const cell of data.cells) {
        const x0 = Math.max(LEFT, xOf(cell.time, data.span, LEFT, w));
        const x1 = Math.min(LEFT + w, xOf(cell.time + data.bucket, data.span, LEFT, w));
        const y0 = yOf(cell.max, scale, TOP, h);
        const y1 = yOf(cell.min, scale, TOP, h);
        if (x1 <= LEFT || x0 >= LEFT + w) continue;
        const [cw, ch] = [Math.max(2, x1 - x0 - 1), Math.max(2, y1 - y0 - 1)];
        const share = Math.log1p(cell.count) / Math.log1p(most);
        context.fillStyle = colours['--heat-low'];
        context.fillRect(x0, y0, cw, ch);
        context.globalAlpha = share;
        context.fillStyle = colours['--heat-high'];
        context.fillRect(x0, y0, cw, ch);
        context.globalAlpha = 1;
        if (cell.errors > 0) {
          // A red foot, as high as the share that failed.
          const foot = Math.max(2, ch * (cell.errors / cell.count));
          context.fillStyle = colours['--error'];
          context.fillRect(x0, y0 + ch - foot, cw, foot);
        }
      }
      paintTimeAxis(
        context,
        data.span,
        zone,
        { left: LEFT, width: w, bottom: TOP + h },
        { text: colours['--muted'], line: colours['--line'] },
        font,
      );
    },
    [data, scale, most, zone],
  );

  const cellAt = (x: number, y: number, size: { width: number; height: number }) => {
    const [w, h] = [size.width - LEFT - RIGHT, size.height - TOP - AXIS_HEIGHT];
    const time = timeAt(x, data.span, LEFT, w);
    const duration = durationAt(y, scale, TOP, h);
    return data.cells.find(
      cell => cell.time <= time && time < cell.time + data.bucket && cell.min <= duration && duration <= cell.max,
    );
  };
  const onBox = (box: Box, size: { width: number; height: number }) => {
    const [w, h] = [size.width - LEFT - RIGHT, size.height - TOP - AXIS_HEIGHT];
    if (box.click) {
      const cell = cellAt(box.x0, box.y0, size);
      if (cell) onChoose(cell.time, cell.time + data.bucket, cell.min, cell.max);
      return;
    }
    onChoose(
      timeAt(box.x0, data.span, LEFT, w),
      timeAt(box.x1, data.span, LEFT, w),
      durationAt(box.y1, scale, TOP, h),
      durationAt(box.y0, scale, TOP, h),
    );
  };
  return (
    <Chart
      title={title}
      summary={`${title}: ${formatWhole(total)} in all, ${formatWhole(errors)} with errors, between ${formatDuration(scale.low)} and ${formatDuration(scale.high)}. The table has the numbers.`}
      height={170}
      paint={paint}
      onBox={onBox}
      tipAt={(x, y, size) => {
        const cell = cellAt(x, y, size);
        if (!cell) return undefined;
        return (
          <>
            <strong>{formatWhole(cell.count)}</strong>
            {cell.errors > 0 && <span className="error-text"> · {formatWhole(cell.errors)} with errors</span>}
            <br />
            {formatDuration(cell.min)} – {formatDuration(cell.max)}
            <br />
            <span className="muted">{formatClock(cell.time, zone, 'second')}</span>
          </>
        );
      }}
      table={{
        head: ['From', 'Duration', 'Count', 'With errors'],
        rows: () =>
          data.cells.map(cell => [
            formatInstant(cell.time, zone, 'second'),
            `${formatDuration(cell.min)} – ${formatDuration(cell.max)}`,
            cell.count,
            cell.errors,
          ]),
      }}
    />
  );
}
