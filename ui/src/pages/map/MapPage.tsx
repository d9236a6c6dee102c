import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { serviceMap } from '../../api/services';
import type { EdgeWire, MapNodeWire } from '../../api/wire';
import { serviceVariable } from '../../model/colour';
import { formatCount, formatDuration, formatShare, plural } from '../../model/format';
import { fieldTerm } from '../../model/query';
import { ServiceName } from '../../parts/Chip';
import { onResize } from '../../parts/canvas';
import { Icon, type IconName } from '../../parts/Icon';
import { Nothing } from '../../parts/Nothing';
import { Failed, Loading, Warnings } from '../../parts/Notice';
import { type Column, Table } from '../../parts/Table';
import { usePreferences } from '../../state/preferences';
import { carried, useAddress, useRange } from '../../state/url';
import { edgeKey, layersOf, type Point, place } from './layout';
import './map.css';

/** More cannot be told apart; the busiest are drawn and the rest is said. */
const DRAWN_MAX = 80;
const WIDE = 196;
const HIGH = 46;
const PAD = 32;
/** Room for the lines between layers: as much as there is, within reason. */
const GAP_MIN = 44;
const GAP_MAX = 120;

export function MapPage() {
  const { search, set } = useAddress();
  const { range, setRange } = useRange();
  const { zone } = usePreferences();
  const found = useQuery({ queryKey: ['map', range], queryFn: ({ signal }) => serviceMap(range, signal) });
  const asTable = search.view === 'table';
  const focus = search.focus;
  const { nodes, edges, hidden } = useMemo(() => {
    const all = found.data ?? { nodes: [], edges: [] };
    const near = focus === undefined ? undefined : neighbourhood(focus, all.edges);
    const nodes = all.nodes
      .filter(node => near === undefined || near.has(node.name))
      .toSorted((a, b) => b.span_count - a.span_count)
      .slice(0, DRAWN_MAX);
    const names = new Set(nodes.map(node => node.name));
    return {
      nodes,
      edges: all.edges.filter(edge => names.has(edge.caller) && names.has(edge.callee)),
      hidden: all.nodes.length - nodes.length,
    };
  }, [found.data, focus]);
  return (
    <div className="map-page">
      <div className="page-head">
        <h1>Map</h1>
        {focus !== undefined && (
          <button type="button" className="button" onClick={() => set({ focus: undefined }, 'push')}>
            <Icon name="close" size={12} />
            Only around {focus}
          </button>
        )}
        <span className="muted">
          {found.data &&
            (hidden > 0
              ? `${formatCount(nodes.length)} of ${plural(nodes.length + hidden, 'service and peer', 'services and peers')}`
              : `${plural(nodes.length, 'service or peer', 'services and peers')}, ${plural(edges.length, 'kind of call', 'kinds of calls')}`)}
        </span>
        <div className="segmented page-actions" role="group" aria-label="View">
          <button type="button" aria-pressed={!asTable} onClick={() => set({ view: undefined })}>
            Map
          </button>
          <button type="button" aria-pressed={asTable} onClick={() => set({ view: 'table' })}>
            Table
          </button>
        </div>
      </div>
      {found.data && <Warnings items={found.data.warnings ?? []} complete={found.data.complete ?? true} />}
      {found.isPending ? (
        <Loading what="Reading the map" />
      ) : found.isError ? (
        <Failed what="The map could not be read" error={found.error} retry={() => void found.refetch()} />
      ) : nodes.length === 0 ? (
        <Nothing what="services" q="" range={range} zone={zone} onQuery={() => undefined} onRange={setRange} />
      ) : asTable ? (
        <EdgeTable edges={edges} />
      ) : (
        <Drawing nodes={nodes} edges={edges} onFocus={name => set({ focus: name }, 'push')} />
      )}
    </div>
  );
}

/** Everything one call away. */
function neighbourhood(name: string, edges: readonly EdgeWire[]): Set<string> {
  const near = new Set([name]);
  for (const edge of edges) {
    if (edge.caller === name) near.add(edge.callee);
    if (edge.callee === name) near.add(edge.caller);
  }
  return near;
}

const KIND_ICON: Record<string, IconName> = {
  service: 'services',
  database: 'database',
  queue: 'queue',
  external: 'external',
};

function Drawing({
  nodes,
  edges,
  onFocus,
}: {
  nodes: MapNodeWire[];
  edges: EdgeWire[];
  onFocus: (name: string) => void;
}) {
  const navigate = useNavigate();
  const { search } = useAddress();
  const [lit, setLit] = useState<string | undefined>();
  const scroller = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(1200);
  useEffect(() => {
    const element = scroller.current;
    if (element) return onResize(element, () => setRoom(element.clientWidth));
  }, []);
  const { spots, lanes, width, height } = useMemo(() => {
    const gaps = Math.max(...layersOf(nodes, edges).values());
    const free = (room - 2 * PAD - (gaps + 1) * WIDE) / Math.max(gaps, 1);
    const gapX = Math.min(GAP_MAX, Math.max(GAP_MIN, Math.floor(free)));
    return place(nodes, edges, { wide: WIDE, high: HIGH, gapX, gapY: 26, lane: 14 });
  }, [nodes, edges, room]);
  const busiest = Math.max(...edges.map(edge => edge.count), 1);
  const open = (node: MapNodeWire) => {
    if (node.kind === 'service') {
      void navigate({ to: '/services/$name', params: { name: node.name }, search: carried(search) as never });
    } else onFocus(node.name);
  };
  return (
    <div
      ref={scroller}
      className="map-scroll"
      tabIndex={0}
      role="region"
      aria-label="Map of services; the table has the same as text"
    >
      <div className="map-canvas" style={{ width, height, margin: PAD }} data-lit={lit !== undefined || undefined}>
        <svg width={width} height={height} aria-hidden="true">
          <defs>
            {['plain', 'bad'].map(kind => (
              <marker
                key={kind}
                id={`arrow-${kind}`}
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerWidth="8"
                markerHeight="8"
                markerUnits="userSpaceOnUse"
                orient="auto"
              >
                <path d="M0 0.8 7 4 0 7.2z" className={`arrow ${kind}`} />
              </marker>
            ))}
          </defs>
          {edges.map(edge => {
            const from = spots.get(edge.caller)!;
            const to = spots.get(edge.callee)!;
            const bad = edge.error_count > 0;
            const on = lit === edge.caller || lit === edge.callee;
            return (
              <path
                key={`${edge.caller} ${edge.callee} ${edge.kind}`}
                d={curve(from, to, lanes.get(edgeKey(edge)) ?? [], edge.caller === edge.callee)}
                className={`edge ${bad ? 'bad' : ''} ${on ? 'on' : ''} ${edge.kind}`}
                strokeWidth={1.2 + 2.4 * Math.sqrt(edge.count / busiest)}
                markerEnd={`url(#arrow-${bad ? 'bad' : 'plain'})`}
              />
            );
          })}
        </svg>
        {edges.map(edge => {
          const from = spots.get(edge.caller)!;
          const to = spots.get(edge.callee)!;
          if (lit !== edge.caller && lit !== edge.callee) return null;
          return (
            <span
              key={`${edge.caller} ${edge.callee} ${edge.kind}`}
              className="edge-label"
              style={{ left: (from.x + to.x + WIDE) / 2, top: (from.y + to.y + HIGH) / 2 }}
            >
              {formatCount(edge.count)}
              {edge.p95_nano !== undefined && edge.p95_nano > 0 && ` · p95 ${formatDuration(edge.p95_nano)}`}
              {edge.error_count > 0 && (
                <span className="error-text"> · {formatShare(edge.error_count, edge.count)}</span>
              )}
            </span>
          );
        })}
        {nodes.map(node => {
          const spot = spots.get(node.name)!;
          const failed = node.error_count > 0;
          return (
            <button
              key={node.name}
              type="button"
              className="map-node"
              data-kind={node.kind}
              style={{
                left: spot.x,
                top: spot.y,
                width: WIDE,
                height: HIGH,
                ['--service' as string]: serviceVariable(node.name),
              }}
              onClick={() => open(node)}
              onPointerEnter={() => setLit(node.name)}
              onPointerLeave={() => setLit(undefined)}
              onFocus={() => setLit(node.name)}
              onBlur={() => setLit(undefined)}
            >
              <span className="map-name">
                <Icon name={KIND_ICON[node.kind] ?? 'services'} size={14} label={node.kind} />
                <span className="truncate">{node.name}</span>
              </span>
              <span className="small muted truncate">
                {formatCount(node.span_count)}
                {node.p95_nano !== undefined && node.p95_nano > 0 && ` · p95 ${formatDuration(node.p95_nano)}`}
                {failed && <span className="error-text"> · {formatShare(node.error_count, node.span_count)}</span>}
              </span>
            </button>
          );
        })}
      </div>
    </div>
  );
}

function curve(from: Point, to: Point, lanes: Point[], self: boolean): string {
  const y0 = from.y + HIGH / 2;
  const y1 = to.y + HIGH / 2;
  if (self) return `M${from.x + WIDE - 30} ${from.y} c0 -22 24 -22 26 -2`;
  // A call back to an earlier layer leaves from the left and comes in from the right.
  if (to.x <= from.x) {
    const [x0, x1] = [from.x, to.x + WIDE + 3];
    const bend = Math.max(40, Math.abs(x1 - x0) / 2);
    return `M${x0} ${y0} C${x0 - bend} ${y0} ${x1 + bend} ${y1} ${x1} ${y1}`;
  }
  let path = `M${from.x + WIDE} ${y0}`;
  let [x, y] = [from.x + WIDE, y0];
  const bendTo = (x1: number, y1: number) => {
    const bend = (x1 - x) / 2;
    path += ` C${x + bend} ${y} ${x1 - bend} ${y1} ${x1} ${y1}`;
    [x, y] = [x1, y1];
  };
  for (const lane of lanes) {
    bendTo(lane.x, lane.y);
    x += WIDE;
    path += ` L${x} ${y}`;
  }
  bendTo(to.x - 3, y1);
  return path;
}

function EdgeTable({ edges }: { edges: EdgeWire[] }) {
  const { search, set } = useAddress();
  const navigate = useNavigate();
  const columns: Column<EdgeWire>[] = [
    { key: 'caller', head: 'Caller', by: edge => edge.caller, cell: edge => <ServiceName name={edge.caller} /> },
    { key: 'callee', head: 'Callee', by: edge => edge.callee, cell: edge => <ServiceName name={edge.callee} /> },
    { key: 'kind', head: 'Kind', by: edge => edge.kind, cell: edge => <span className="muted">{edge.kind}</span> },
    { key: 'count', head: 'Calls', num: true, by: edge => edge.count, cell: edge => formatCount(edge.count) },
    {
      key: 'errors',
      head: 'Errors',
      num: true,
      by: edge => edge.error_count / (edge.count || 1),
      cell: edge => (
        <span className={edge.error_count > 0 ? 'error-text' : 'muted'}>
          {formatShare(edge.error_count, edge.count)}
        </span>
      ),
    },
    { key: 'p50', head: 'p50', num: true, by: edge => edge.p50_nano ?? 0, cell: edge => duration(edge.p50_nano) },
    { key: 'p95', head: 'p95', num: true, by: edge => edge.p95_nano ?? 0, cell: edge => duration(edge.p95_nano) },
    {
      key: 'go',
      head: 'Go to',
      num: true,
      cell: edge => (
        <button
          type="button"
          className="button quiet"
          onClick={() =>
            void navigate({
              to: '/traces',
              search: {
                ...carried(search),
                q:
                  edge.kind === 'rpc' || edge.kind === 'message'
                    ? `{${fieldTerm('service', edge.caller)}} {${fieldTerm('service', edge.callee)}}`
                    : fieldTerm('service', edge.caller),
              } as never,
            })
          }
        >
          Traces
        </button>
      ),
    },
  ];
  return (
    <section className="card map-table">
      <Table
        label="Calls between services"
        rows={edges}
        columns={columns}
        rowKey={edge => `${edge.caller} ${edge.callee} ${edge.kind}`}
        sort={search.sort ?? '-count'}
        onSort={sort => set({ sort })}
      />
    </section>
  );
}

const duration = (nanos: number | undefined) => (nanos === undefined ? '–' : formatDuration(nanos));
