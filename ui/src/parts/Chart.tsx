// The frame of every chart: canvas, box while dragging, a word under the pointer, and the same numbers as a table.

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useShownTheme } from '../state/preferences';
import { type Box, brush } from './brush';
import { onResize } from './canvas';
import { Icon } from './Icon';

export interface ChartProps {
  title: ReactNode;
  /** One sentence that says what the chart shows, for who does not see it. */
  summary: string;
  height: number;
  paint: (canvas: HTMLCanvasElement) => void;
  onBox?: (box: Box, size: { width: number; height: number }) => void;
  tipAt?: (x: number, y: number, size: { width: number; height: number }) => ReactNode;
  /** Only times can be chosen: the box has the chart's height. */
  timeOnly?: boolean;
  table: { head: string[]; rows: () => (string | number)[][] };
  actions?: ReactNode;
}

export function Chart({ title, summary, height, paint, onBox, tipAt, timeOnly, table, actions }: ChartProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const area = useRef<HTMLDivElement>(null);
  const [box, setBox] = useState<Box | undefined>();
  const [tip, setTip] = useState<{ x: number; y: number; text: ReactNode } | undefined>();
  const [asTable, setAsTable] = useState(false);
  const theme = useShownTheme();
  const handlers = useRef({ onBox, tipAt });
  handlers.current = { onBox, tipAt };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes what the tokens mean.
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    return onResize(element, () => paint(element));
  }, [paint, theme, asTable]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the area is another one after the table was shown.
  useEffect(() => {
    const element = area.current;
    if (!element) return;
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    return brush(element, {
      move: next => {
        setTip(undefined);
        setBox(next && !next.click ? next : undefined);
      },
      done: done => handlers.current.onBox?.(done, size()),
      hover: (x, y) => {
        const text = handlers.current.tipAt?.(x, y, size());
        setTip(text ? { x, y, text } : undefined);
      },
      leave: () => setTip(undefined),
    });
  }, [asTable]);

  return (
    <figure className="chart">
      <figcaption>
        <span className="chart-title">{title}</span>
        {actions}
        <button type="button" className="button quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          <Icon name="table" />
          Table
        </button>
      </figcaption>
      {asTable ? (
        <div className="chart-table" tabIndex={0} role="region" aria-label={summary}>
          <table className="table">
            <thead>
              <tr>
                {table.head.map(name => (
                  <th key={name}>{name}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows().map((row, index) => (
                <tr key={index}>
                  {row.map((cell, at) => (
                    <td key={at} className={at > 0 ? 'num' : undefined}>
                      {cell}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div className="chart-area" ref={area} style={{ height }}>
          <canvas ref={canvas} role="img" aria-label={summary} />
          {box && (
            <div
              className="chart-box"
              style={{
                left: box.x0,
                width: box.x1 - box.x0,
                top: timeOnly ? 0 : box.y0,
                height: timeOnly ? '100%' : box.y1 - box.y0,
              }}
            />
          )}
          {tip && (
            <div
              className="chart-tip"
              style={
                tip.x > (area.current?.clientWidth ?? 0) / 2
                  ? { right: `calc(100% - ${tip.x - 10}px)`, top: tip.y }
                  : { left: tip.x + 12, top: tip.y }
              }
            >
              {tip.text}
            </div>
          )}
        </div>
      )}
    </figure>
  );
}
