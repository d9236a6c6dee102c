// Where services stand: layers from left to right by who calls whom, few crossings inside a layer. Pure, and the same for the same input.

export interface MapNode {
  name: string;
}

export interface MapEdge {
  caller: string;
  callee: string;
}

export interface Placed {
  name: string;
  layer: number;
  /** Position inside its layer, from the top. */
  order: number;
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
  // Depth first without recursion from those nobody calls, then from the rest, to find edges that go back.
  const state = new Map<string, 'open' | 'done'>();
  const back = new Set<string>();
  const starts = [...nodes].sort((a, b) => incoming.get(a.name)! - incoming.get(b.name)! || (a.name < b.name ? -1 : 1));
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
      } else if (state.get(callee) === 'open') back.add(`${top.name}\n${callee}`);
      else if (!state.has(callee)) {
        state.set(callee, 'open');
        stack.push({ name: callee, next: 0 });
      }
    }
  }
  const layers = new Map<string, number>(nodes.map(node => [node.name, 0]));
  for (const name of finished.reverse()) {
    for (const callee of out.get(name)!) {
      if (!back.has(`${name}\n${callee}`)) layers.set(callee, Math.max(layers.get(callee)!, layers.get(name)! + 1));
    }
  }
  return layers;
}

/** Orders each layer by the middle of its neighbours, back and forth a few times. */
export function place(nodes: readonly MapNode[], edges: readonly MapEdge[]): Placed[] {
  const layers = layersOf(nodes, edges);
  const depth = Math.max(0, ...layers.values());
  const rows: string[][] = Array.from({ length: depth + 1 }, () => []);
  for (const { name } of [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1))) rows[layers.get(name)!]!.push(name);
  const order = new Map<string, number>();
  const number = (row: string[]) => {
    // From the middle outwards, so that layers of different size stand around one line.
    row.forEach((name, index) => order.set(name, index - (row.length - 1) / 2));
  };
  rows.forEach(number);
  const neighbours = new Map<string, string[]>(nodes.map(node => [node.name, []]));
  for (const { caller, callee } of edges) {
    neighbours.get(caller)?.push(callee);
    neighbours.get(callee)?.push(caller);
  }
  for (let round = 0; round < 8; round++) {
    const sweep = round % 2 === 0 ? rows : rows.toReversed();
    for (const row of sweep) {
      const middle = (name: string) => {
        const places = neighbours
          .get(name)!
          .filter(other => layers.get(other) !== layers.get(name))
          .map(other => order.get(other) ?? 0);
        return places.length === 0 ? order.get(name)! : places.reduce((sum, one) => sum + one, 0) / places.length;
      };
      row.sort((a, b) => middle(a) - middle(b) || (a < b ? -1 : 1));
      number(row);
    }
  }
  return rows.flatMap((row, layer) => row.map(name => ({ name, layer, order: order.get(name)! })));
}
