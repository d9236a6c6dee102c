// Lanes are services, time runs to the right, an arrow is a call. What lies between two bars is the way: network or queue.

import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import { serviceVariable } from '../../../model/colour';
import { formatDuration } from '../../../model/format';
import { type Hop, type HopShape, hopPicture, hopTime } from '../../../model/traceHops';
import { ticks } from '../waterfall/ruler';

const LABEL = 184;
const RIGHT = 56;
const TOP = 26;
const LANE = 46;
const BAR = 18;
const NUMBER_ROOM = 24;
const LANE_LETTERS_MAX = 19;
/** A bar of this width has room for its number, of that for the operation too. */
const INSIDE_MIN = 22;
const WORDS_MIN = 96;
/** Pixels a letter takes at most, for cutting words. */
const LETTER = 6.4;

/** The request itself, on the lane of the service it came in by. */
export interface Entry {
  service: string;
  name: string;
  start: number;
  end: number;
  failed: boolean;
}

export function HopDiagram({
  hops,
  entry,
  onOpen,
}: {
  hops: readonly Hop[];
  entry: Entry | undefined;
  onOpen: (hop: Hop) => void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(960);
  const [over, setOver] = useState<number | undefined>();
  useLayoutEffect(() => {
    const watch = new ResizeObserver(entries => setWidth(Math.max(480, Math.floor(entries[0]!.contentRect.width))));
    watch.observe(host.current!);
    return () => watch.disconnect();
  }, []);
  const picture = useMemo(() => hopPicture(hops, entry?.end), [hops, entry]);
  const axis = width - LABEL - RIGHT;
  const x = (time: number) => LABEL + (time / picture.end) * axis;
  const y = (lane: number) => TOP + lane * LANE + LANE / 2;
  const numbered = spacedNumbers(picture.shapes, x);
  const height = TOP + picture.lanes.length * LANE + 6;
  return (
    <figure ref={host} className="hop-diagram">
      {/* The table below says the same in words and is the one for keyboards and screen readers. */}
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        <defs>
          <marker
            id="hop-arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M0 0.5 L8 4 L0 7.5 z" fill="context-stroke" />
          </marker>
          <pattern id="hop-network" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="1.5" height="5" className="hop-gap-line" />
          </pattern>
          <pattern id="hop-queue" width="5" height="5" patternUnits="userSpaceOnUse">
            <circle cx="2.5" cy="2.5" r="1.1" className="hop-gap-line" />
          </pattern>
        </defs>
        {ticks({ from: 0, to: picture.end }, axis, 120).map(tick => (
          <g key={tick.at}>
            <line x1={x(tick.at)} x2={x(tick.at)} y1={TOP - 6} y2={height} className="hop-tick" />
            <text x={x(tick.at) + 4} y={12} className="hop-time">
              {tick.label}
            </text>
          </g>
        ))}
        {picture.lanes.map((lane, place) => (
          <g key={lane}>
            <line x1={LABEL} x2={width} y1={y(place)} y2={y(place)} className="hop-lane" />
            <rect x={12} y={y(place) - 5} width={10} height={10} rx={3} fill={serviceVariable(lane)} />
            <text x={30} y={y(place) + 4} className="hop-service">
              {lane.length > LANE_LETTERS_MAX ? `${lane.slice(0, LANE_LETTERS_MAX - 1)}…` : lane}
            </text>
          </g>
        ))}
        {entry && picture.lanes.includes(entry.service) && (
          <Bar
            service={entry.service}
            from={x(entry.start)}
            to={x(entry.end)}
            middle={y(picture.lanes.indexOf(entry.service))}
            words={entry.name}
            failed={entry.failed}
          />
        )}
        {picture.shapes.map((shape, place) => (
          <HopMark
            key={shape.hop.hop}
            shape={shape}
            x={x}
            y={y}
            numbered={numbered.has(shape)}
            faded={over !== undefined && over !== place}
            onOver={on => setOver(on ? place : undefined)}
            onOpen={() => onOpen(shape.hop)}
          />
        ))}
      </svg>
      <figcaption className="hop-legend muted">
        <span>
          <i data-part="callee" /> callee at work
        </span>
        <span>
          <i data-part="network" /> network: caller’s time less callee’s
        </span>
        <span>
          <i data-part="queue" /> waiting in a queue
        </span>
        <span>
          <i data-part="failed" /> failed
        </span>
      </figcaption>
    </figure>
  );
}

/** Whose number has room: not before the next bar of the same lane. */
function spacedNumbers(shapes: readonly HopShape[], x: (time: number) => number): Set<HopShape> {
  const starts = new Map<number, number[]>();
  for (const shape of shapes) {
    const lane = starts.get(shape.to);
    if (lane) lane.push(x(shape.callerStart));
    else starts.set(shape.to, [x(shape.callerStart)]);
  }
  return new Set(
    shapes.filter(shape => {
      const end = x(Math.max(shape.callerEnd, shape.calleeEnd));
      return !starts.get(shape.to)!.some(start => start > x(shape.callerStart) && start < end + NUMBER_ROOM);
    }),
  );
}

function HopMark({
  shape,
  x,
  y,
  numbered,
  faded,
  onOver,
  onOpen,
}: {
  shape: HopShape;
  x: (time: number) => number;
  y: (lane: number) => number;
  numbered: boolean;
  faded: boolean;
  onOver: (on: boolean) => void;
  onOpen: () => void;
}) {
  const { hop } = shape;
  const from = x(shape.callerStart);
  const to = x(shape.calleeStart);
  const end = Math.max(x(shape.calleeEnd), to + 3);
  const back = x(shape.callerEnd);
  const below = y(shape.to);
  // From the edge of one bar to the edge of the other.
  const down = shape.to >= shape.from ? 1 : -1;
  const out = y(shape.from) + (down * BAR) / 2;
  const into = below - (down * BAR) / 2;
  const message = hop.kind === 'message';
  const gap = message ? hop.queue : hop.network;
  const gaps: [number, number][] = message
    ? [[from, to]]
    : [
        [from, to],
        [end, back],
      ];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the table has the same rows as buttons; this is for the mouse.
    <g
      className="hop-mark"
      data-failed={hop.failed}
      data-faded={faded}
      onPointerEnter={() => onOver(true)}
      onPointerLeave={() => onOver(false)}
      onClick={onOpen}
    >
      <title>
        {`${hop.hop}. ${hop.caller.service} → ${hop.callee.service} ${hop.callee.operation ?? hop.caller.operation ?? ''}\n${formatDuration(hopTime(hop))}${gap ? `, ${message ? 'queue' : 'network'} ${formatDuration(gap)}` : ''}`}
      </title>
      <path d={`M${from} ${out} L${to} ${into}`} className="hop-way" markerEnd="url(#hop-arrow)" />
      {!message && hop.client !== undefined && (
        <path d={`M${end} ${into} L${Math.max(back, end)} ${out}`} className="hop-way back" />
      )}
      {gaps.map(
        ([left, right], place) =>
          right - left > 1.5 && (
            <rect
              key={place}
              x={left}
              y={below - BAR / 2}
              width={right - left}
              height={BAR}
              fill={`url(#hop-${message ? 'queue' : 'network'})`}
              className="hop-gap"
            />
          ),
      )}
      <Bar
        service={hop.callee.service}
        from={to}
        to={end}
        middle={below}
        number={hop.hop}
        words={hop.callee.operation ?? hop.caller.operation ?? ''}
        failed={hop.failed}
      />
      {numbered && end - to < INSIDE_MIN && (
        <text x={Math.max(back, end) + 5} y={below + 4} className="hop-number">
          {hop.hop}
        </text>
      )}
    </g>
  );
}

/** A tint that text reads on, with the service's colour at its edge. */
function Bar({
  service,
  from,
  to,
  middle,
  number,
  words,
  failed,
}: {
  service: string;
  from: number;
  to: number;
  middle: number;
  number?: number;
  words: string;
  failed: boolean;
}) {
  const width = Math.max(to - from, 3);
  const colour = serviceVariable(service);
  const top = middle - BAR / 2;
  const room = Math.floor((width - 32) / LETTER);
  return (
    <g className="hop-bar" data-failed={failed}>
      <rect x={from} y={top} width={width} height={BAR} rx={3} className="hop-ground" />
      <rect x={from} y={top} width={width} height={BAR} rx={3} fill={colour} fillOpacity={0.3} className="hop-tint" />
      <rect x={from} y={top} width={Math.min(3, width)} height={BAR} rx={1} fill={colour} />
      {width >= INSIDE_MIN && (
        <text x={from + 8} y={middle + 4} className="hop-inside">
          {number !== undefined && <tspan className="hop-count">{number}</tspan>}
          {width >= WORDS_MIN && room > 3 && (
            <tspan dx={number === undefined ? 0 : 7}>
              {words.length > room ? `${words.slice(0, room - 1)}…` : words}
            </tspan>
          )}
        </text>
      )}
    </g>
  );
}
