// Counts over time, stacked by severity. Dragging over it zooms.

import { useCallback, useMemo } from 'react';
import { formatCount, formatWhole } from '../model/format';
import { SEVERITIES, type Severity, severityVariable } from '../model/severity';
import { formatClock, formatInstant, type Nanos, type Span, type Zone } from '../model/time';
import { AXIS_HEIGHT, paintTimeAxis, timeAt, xOf } from './axis';
import { Chart } from './Chart';
import { prepare, tokenColours } from './canvas';

export interface BarData {
  span: Span;
  bucket: Nanos;
  bars: { time: Nanos; counts: Partial<Record<Severity, number>>; total: number }[];
}

const LEFT = 44;
const TOP = 8;
const RIGHT = 8;
const TOKENS = [...new Set(SEVERITIES.map(severityVariable))];

export function Bars({
  data,
  zone,
  title,
  onZoom,
}: {
  data: BarData;
  zone: Zone;
  title: string;
  onZoom: (from: Nanos, to: Nanos) => void;
}) {
  const most = useMemo(() => Math.max(1, ...data.bars.map(bar => bar.total)), [data]);
  const paint = useCallback(
    (canvas: HTMLCanvasElement) => {
      const ready = prepare(canvas);
      if (!ready) return;
      const { context, width, height } = ready;
      const colours = tokenColours(canvas, [...TOKENS, '--muted', '--line']);
      const font = `11px ${getComputedStyle(canvas).fontFamily}`;
      const [w, h] = [width - LEFT - RIGHT, height - TOP - AXIS_HEIGHT];
      context.font = font;
      context.textAlign = 'right';
      context.textBaseline = 'middle';
      // Whole numbers, each at its own height.
      for (const tick of new Set([Math.ceil(most / 2), most])) {
        const y = Math.round(TOP + h * (1 - tick / most)) + 0.5;
        context.strokeStyle = colours['--line']!;
        context.beginPath();
        context.moveTo(LEFT, y);
        context.lineTo(LEFT + w, y);
        context.stroke();
        context.fillStyle = colours['--muted']!;
        context.fillText(formatCount(tick), LEFT - 8, y);
      }
      for (const bar of data.bars) {
        const x0 = Math.max(LEFT, xOf(bar.time, data.span, LEFT, w));
        const x1 = Math.min(LEFT + w, xOf(bar.time + data.bucket, data.span, LEFT, w));
        if (x1 <= x0) continue;
        let y = TOP + h;
        // The gravest stand at the foot, where they start from one line and can be compared.
        for (const severity of SEVERITIES) {
          const count = bar.counts[severity];
          if (!count) continue;
          const high = Math.max(1, (count / most) * h);
          context.fillStyle = colours[severityVariable(severity)]!;
          context.fillRect(x0, y - high, Math.max(1, x1 - x0 - 1), high);
          y -= high;
        }
      }
      paintTimeAxis(
        context,
        data.span,
        zone,
        { left: LEFT, width: w, bottom: TOP + h },
        { text: colours['--muted']!, line: colours['--line']! },
        font,
      );
    },
    [data, most, zone],
  );
  const total = data.bars.reduce((sum, bar) => sum + bar.total, 0);
  const present = SEVERITIES.filter(severity => data.bars.some(bar => bar.counts[severity]));
  const inner = (size: { width: number }) => size.width - LEFT - RIGHT;
  return (
    <Chart
      title={title}
      summary={`${title}: ${formatWhole(total)} in all. The table has the numbers.`}
      height={112}
      paint={paint}
      timeOnly
      actions={
        <ul className="legend" aria-hidden="true">
          {present.toReversed().map(severity => (
            <li key={severity}>
              <i style={{ background: `var(${severityVariable(severity)})` }} />
              {severity}
            </li>
          ))}
        </ul>
      }
      onBox={(box, size) => {
        if (box.click) {
          const time = timeAt(box.x0, data.span, LEFT, inner(size));
          const bar = data.bars.find(one => one.time <= time && time < one.time + data.bucket);
          if (bar) onZoom(bar.time, bar.time + data.bucket);
        } else onZoom(timeAt(box.x0, data.span, LEFT, inner(size)), timeAt(box.x1, data.span, LEFT, inner(size)));
      }}
      tipAt={(x, _y, size) => {
        const time = timeAt(x, data.span, LEFT, inner(size));
        const bar = data.bars.find(one => one.time <= time && time < one.time + data.bucket);
        if (!bar) return undefined;
        return (
          <>
            <span className="muted">{formatClock(bar.time, zone, 'second')}</span>
            {SEVERITIES.filter(severity => bar.counts[severity]).map(severity => (
              <div key={severity} className="tip-row">
                <i style={{ background: `var(${severityVariable(severity)})` }} />
                {severity}
                <strong>{formatWhole(bar.counts[severity]!)}</strong>
              </div>
            ))}
          </>
        );
      }}
      table={{
        head: ['From', ...present, 'All'],
        rows: () =>
          data.bars.map(bar => [
            formatInstant(bar.time, zone, 'second'),
            ...present.map(severity => bar.counts[severity] ?? 0),
            bar.total,
          ]),
      }}
    />
  );
}
