// Where the time went, added up by path: wide is expensive, in itself or below.

import { type KeyboardEvent, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { formatDuration, formatShare, formatWhole, plural } from '../../../model/format';
import { type SpanIndex, type Trace, text } from '../../../model/trace';
import { operationQuery } from '../../../model/traceFind';
import { buildFlame, type Flame, flameBoxes, flameNodes, flameStep } from '../../../model/traceFlame';
import { ServiceName } from '../../../parts/Chip';
import { onResize, prepare } from '../../../parts/canvas';
import { useShownTheme } from '../../../state/preferences';
import { useAddress } from '../../../state/url';
import { readPalette } from '../waterfall/palette';
import { boxAt, FLAME_ROW, paintFlame } from './paintFlame';
import './flame.css';

/** Narrower than this many pixels is left out. */
const PIXELS_MIN = 1;
/** More than anybody reads; zooming in lists the rest. */
const ROWS_MAX = 100;
const WAYS = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right' } as const;

export function FlameTab({
  trace,
  index,
  onSpan,
  onFind,
}: {
  trace: Trace;
  index: SpanIndex;
  onSpan: (row: number) => void;
  onFind: (query: string) => void;
}) {
  const { search, set } = useAddress();
  const flame = useMemo(() => buildFlame(trace), [trace]);
  // A node is named in the address by a span of it.
  const named = search.at ? index.row(search.at) : -1;
  const top = named >= 0 ? flame.nodeOf[named]! : -1;
  const whole = useMemo(() => flame.roots.reduce((sum, root) => sum + flame.below[root]!, 0), [flame]);
  const zoomTo = (node: number) =>
    set({ at: node < 0 ? undefined : (trace.spanIds.at(flame.longest[node]!) ?? undefined) });
  return (
    <div className="trace-tab flame-tab" tabIndex={0} role="region" aria-label="Flame">
      <FlamePath trace={trace} flame={flame} top={top} whole={whole} onZoom={zoomTo} />
      <FlameCanvas trace={trace} flame={flame} top={top} whole={whole} onZoom={zoomTo} onSpan={onSpan} />
      <FlameTable trace={trace} flame={flame} top={top} whole={whole} onZoom={zoomTo} onFind={onFind} />
    </div>
  );
}

interface Part {
  trace: Trace;
  flame: Flame;
  top: number;
  whole: number;
  onZoom: (node: number) => void;
}

const nameOf = (trace: Trace, flame: Flame, node: number) =>
  `${text(trace.service, flame.longest[node]!)} ${text(trace.name, flame.longest[node]!)}`.trim();

function FlamePath({ trace, flame, top, whole, onZoom }: Part) {
  return (
    <div className="tab-tools flame-tools">
      <p>
        {top < 0 ? (
          <>
            <strong className="number">{formatDuration(whole)}</strong>{' '}
            <span className="muted">of work in all spans, added up by path</span>
          </>
        ) : (
          <>
            <strong className="number">{formatDuration(flame.below[top]!)}</strong>{' '}
            <span className="muted">
              {formatShare(flame.below[top]!, whole)} of the work, in and below {nameOf(trace, flame, top)}
            </span>
          </>
        )}
      </p>
      <button type="button" className="button" disabled={top < 0} onClick={() => onZoom(-1)}>
        Whole trace
      </button>
    </div>
  );
}

function FlameCanvas({ trace, flame, top, whole, onZoom, onSpan }: Part & { onSpan: (row: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useShownTheme();
  const [width, setWidth] = useState(0);
  const [active, setActive] = useState(-1);
  const [hovered, setHovered] = useState(-1);
  const boxes = useMemo(() => (width > 0 ? flameBoxes(flame, top, PIXELS_MIN / width) : []), [flame, top, width]);
  const levels = boxes.reduce((most, box) => Math.max(most, box.level + 1), 1);
  useLayoutEffect(() => onResize(canvas.current!, () => setWidth(canvas.current!.clientWidth)), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes what the tokens are.
  const palette = useMemo(() => (width > 0 ? readPalette(canvas.current!.parentElement!) : undefined), [theme, width]);
  useLayoutEffect(() => {
    const pen = palette && prepare(canvas.current!);
    if (!pen) return;
    paintFlame(pen.context, {
      trace,
      flame,
      boxes,
      palette,
      width: pen.width,
      height: pen.height,
      top,
      active,
      hovered,
    });
  }, [trace, flame, boxes, palette, top, active, hovered]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = active >= 0 ? active : top >= 0 ? top : flame.roots[0]!;
    const way = WAYS[event.key as keyof typeof WAYS];
    if (way) {
      const next = active < 0 ? at : flameStep(flame, at, way);
      setActive(next);
      // A step out of the picture takes the picture along.
      if (top >= 0 && flame.depth[next]! < flame.depth[top]!) onZoom(flame.parent[next]! < 0 ? -1 : next);
    } else if (event.key === 'Enter') onZoom(at);
    else if (event.key === ' ') onSpan(flame.longest[at]!);
    else if (event.key === 'Backspace' || event.key === '0') onZoom(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const said = hovered >= 0 ? hovered : active;
  return (
    <div className="flame">
      <div
        className="flame-picture"
        role="group"
        tabIndex={0}
        aria-label="Flame: arrows walk, Enter zooms in, 0 zooms out, Space opens the longest span"
        onKeyDown={onKeyDown}
        onFocus={event =>
          event.target.matches(':focus-visible') && active < 0 && setActive(top >= 0 ? top : flame.roots[0]!)
        }
      >
        <canvas
          ref={canvas}
          style={{ height: levels * FLAME_ROW }}
          onPointerMove={event => {
            const place = event.currentTarget.getBoundingClientRect();
            setHovered(boxAt(boxes, event.clientX - place.left, event.clientY - place.top, place.width)?.node ?? -1);
          }}
          onPointerLeave={() => setHovered(-1)}
          onClick={() => {
            if (hovered < 0) return;
            setActive(hovered);
            onZoom(hovered === top ? flame.parent[hovered]! : hovered);
          }}
        />
      </div>
      <div className="flame-said" role="status">
        {said < 0 ? (
          <span className="muted">
            A bar is as wide as the time its spans and all below them spent in themselves; the line at its foot is its
            own share.
          </span>
        ) : (
          <>
            <ServiceName name={text(trace.service, flame.longest[said]!)} />
            <strong>{text(trace.name, flame.longest[said]!)}</strong>
            <span>
              {plural(flame.count[said]!, 'span')}
              {flame.errors[said]! > 0 && <span className="error-text">, {plural(flame.errors[said]!, 'error')}</span>}
            </span>
            <span>in itself {formatDuration(flame.self[said]!)}</span>
            <span>
              with all below {formatDuration(flame.below[said]!)}{' '}
              <span className="muted">{formatShare(flame.below[said]!, whole)}</span>
            </span>
          </>
        )}
      </div>
    </div>
  );
}

function FlameTable({ trace, flame, top, whole, onZoom, onFind }: Part & { onFind: (query: string) => void }) {
  const nodes = useMemo(() => flameNodes(flame, top), [flame, top]);
  const largest = Math.max(1, flame.self[nodes[0] ?? 0] ?? 1);
  return (
    <div className="table-wrap">
      <table className="table flame-table" aria-label="Paths by time in themselves">
        <thead>
          <tr>
            <th>Service</th>
            <th>Operation</th>
            <th>Called from</th>
            <th className="num">Spans</th>
            <th className="num">Errors</th>
            <th className="num">In itself</th>
            <th className="num">Of all work</th>
            <th className="num">With all below</th>
          </tr>
        </thead>
        <tbody>
          {nodes.slice(0, ROWS_MAX).map(node => {
            const row = flame.longest[node]!;
            const up = flame.parent[node]!;
            const errors = flame.errors[node]!;
            return (
              <tr key={node}>
                <td>
                  <ServiceName name={text(trace.service, row)} />
                </td>
                <td>
                  <button type="button" className="fact-link" title="Zoom the flame to it" onClick={() => onZoom(node)}>
                    {text(trace.name, row) || '(no name)'}
                  </button>
                </td>
                <td className="muted">{up < 0 ? '–' : nameOf(trace, flame, up)}</td>
                <td className="num">
                  <button
                    type="button"
                    className="fact-link"
                    title="Find these spans"
                    onClick={() => onFind(operationQuery(text(trace.service, row), text(trace.name, row)))}
                  >
                    {formatWhole(flame.count[node]!)}
                  </button>
                </td>
                <td className={errors > 0 ? 'num error-text' : 'num'}>{errors > 0 ? formatWhole(errors) : '–'}</td>
                <td className="num">
                  <span className="metered">
                    <span className="meter" aria-hidden="true">
                      <i style={{ width: `${(flame.self[node]! / largest) * 100}%` }} />
                    </span>
                    {formatDuration(flame.self[node]!)}
                  </span>
                </td>
                <td className="num">{formatShare(flame.self[node]!, whole)}</td>
                <td className="num">{formatDuration(flame.below[node]!)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {nodes.length > ROWS_MAX && (
        <p className="muted table-note">
          The first {ROWS_MAX} of {plural(nodes.length, 'path')}; zoom in for the rest.
        </p>
      )}
    </div>
  );
}
