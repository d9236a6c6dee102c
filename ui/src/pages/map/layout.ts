// Where services stand: layers from left to right by who calls whom, few crossings inside a layer. Pure, and the same for the same input.
//
// A call over several layers gets a lane in each layer between, so that its line passes beside the services and not behind them.

export interface MapNode {
  name: string;
}

export interface MapEdge {
  caller: string;
  callee: string;
}

export interface Point {
  x: number;
  y: number;
}

export interface Sizes {
  wide: number;
  high: number;
  gapX: number;
  gapY: number;
  /** Height of a lane. */
  lane: number;
}

export interface Placement {
  /** Upper left corners. */
  spots: Map<string, Point>;
  /** Middles of the lanes of an edge, from caller to callee. */
  lanes: Map<string, Point[]>;
  width: number;
  height: number;
}

export function edgeKey(edge: MapEdge): string {
  return `${edge.caller}\n${edge.callee}`;
}

/** Layers by longest path; edges that would close a circle do not count. */
export function layersOf(nodes: readonly MapNode[], edges: readonly MapEdge[]): Map<string, number> {
  const known = new Set(nodes.map(node => node.name));
  const out = new Map<string, string[]>(nodes.map(node => [node.name, []]));
  const incoming = new Map<string, number>(nodes.map(node => [node.name, 0]));
  for (const { caller, callee } of edges) {
    if (caller === callee || !known.has(caller) || !known.has(callee)) continue;
    out.get(caller)!.push(callee);
    incoming.set(callee, incoming.get(callee)! + 1);
  }
  // Depth first without recursion, from those nobody calls and then from the rest, to find edges that go back.
  const state = new Map<string, 'open' | 'done'>();
  const back = new Set<string>();
  const starts = [...nodes].sort((a, b) => incoming.get(a.name)! - incoming.get(b.name)! || byName(a.name, b.name));
  const finished: string[] = [];
  for (const { name: start } of starts) {
    if (state.has(start)) continue;
    const stack = [{ name: start, next: 0 }];
    state.set(start, 'open');
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const callee = out.get(top.name)![top.next++];
      if (callee === undefined) {
        state.set(top.name, 'done');
        finished.push(top.name);
        stack.pop();
      } else if (state.get(callee) === 'open') {
        back.add(edgeKey({ caller: top.name, callee }));
      } else if (!state.has(callee)) {
        state.set(callee, 'open');
        stack.push({ name: callee, next: 0 });
      }
    }
  }
  const layers = new Map<string, number>(nodes.map(node => [node.name, 0]));
  for (const name of finished.reverse()) {
    for (const callee of out.get(name)!) {
      if (back.has(edgeKey({ caller: name, callee }))) continue;
      layers.set(callee, Math.max(layers.get(callee)!, layers.get(name)! + 1));
    }
  }
  return layers;
}

/** Orders each layer by the middle of its neighbours, back and forth a few times, then gives everything its place. */
export function place(nodes: readonly MapNode[], edges: readonly MapEdge[], sizes: Sizes): Placement {
  const layers = layersOf(nodes, edges);
  const rows: string[][] = Array.from({ length: Math.max(0, ...layers.values()) + 1 }, () => []);
  for (const { name } of [...nodes].sort((a, b) => byName(a.name, b.name))) rows[layers.get(name)!]!.push(name);
  const neighbours = new Map<string, string[]>(nodes.map(node => [node.name, []]));
  const laneNames = new Map<string, string[]>();
  for (const edge of edges) {
    const [from, to] = [layers.get(edge.caller), layers.get(edge.callee)];
    if (from === undefined || to === undefined || laneNames.has(edgeKey(edge))) continue;
    const names: string[] = [];
    for (let layer = from + 1; layer < to; layer++) {
      const name = `${edgeKey(edge)}\n${layer}`;
      names.push(name);
      layers.set(name, layer);
      rows[layer]!.push(name);
      neighbours.set(name, []);
    }
    laneNames.set(edgeKey(edge), names);
    const chain = [edge.caller, ...names, edge.callee];
    for (let i = 1; i < chain.length; i++) {
      neighbours.get(chain[i - 1]!)!.push(chain[i]!);
      neighbours.get(chain[i]!)!.push(chain[i - 1]!);
    }
  }
  const isLane = (name: string) => name.includes('\n');
  const middles = new Map<string, number>();
  const stack = (row: string[]) => {
    // Around one line, so that layers of different size stand beside each other.
    const heights = row.map(name => (isLane(name) ? sizes.lane : sizes.high) + sizes.gapY);
    let y = -heights.reduce((sum, one) => sum + one, 0) / 2;
    row.forEach((name, index) => {
      middles.set(name, y + heights[index]! / 2);
      y += heights[index]!;
    });
  };
  rows.forEach(stack);
  for (let round = 0; round < 12; round++) {
    for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
      const wish = new Map(
        row.map(name => {
          const around = neighbours.get(name)!.filter(other => layers.get(other) !== layers.get(name));
          const sum = around.reduce((total, other) => total + middles.get(other)!, 0);
          return [name, around.length === 0 ? middles.get(name)! : sum / around.length];
        }),
      );
      row.sort((a, b) => wish.get(a)! - wish.get(b)! || byName(a, b));
      stack(row);
    }
  }
  const top = Math.min(
    0,
    ...[...middles].map(([name, middle]) => middle - (isLane(name) ? sizes.lane : sizes.high) / 2),
  );
  const bottom = Math.max(
    0,
    ...[...middles].map(([name, middle]) => middle + (isLane(name) ? sizes.lane : sizes.high) / 2),
  );
  const x = (name: string) => layers.get(name)! * (sizes.wide + sizes.gapX);
  return {
    spots: new Map(nodes.map(({ name }) => [name, { x: x(name), y: middles.get(name)! - sizes.high / 2 - top }])),
    lanes: new Map(
      [...laneNames].map(([key, names]) => [key, names.map(name => ({ x: x(name), y: middles.get(name)! - top }))]),
    ),
    width: rows.length * sizes.wide + (rows.length - 1) * sizes.gapX,
    height: bottom - top,
  };
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
