/**
 * The spans of a trace added up by their path of services and operations, for a flame drawn from the root down.
 *
 * A node is as wide as the time its spans and all below them spent in themselves, so that children always fit under their
 * parent, however much of them ran at once. Struct of arrays, like the trace; a node's children stand after it.
 */

import { selfTimes, type Trace } from './trace';

export interface Flame {
  length: number;
  /** Node of the parent, −1 for a root. */
  parent: Int32Array;
  depth: Int32Array;
  count: Int32Array;
  errors: Int32Array;
  /** Nanoseconds the spans spent in themselves: not covered by their own children. */
  self: Float64Array;
  /** `self` of the node and of all below it: its width. */
  below: Float64Array;
  /** Nanoseconds from start to end, added up. */
  total: Float64Array;
  /** Row of the longest span, which names the node. */
  longest: Int32Array;
  /** Children by width, the widest first. */
  children: Int32Array[];
  roots: Int32Array;
  /** Node of each row of the trace. */
  nodeOf: Int32Array;
}

export function buildFlame(trace: Trace): Flame {
  const rows = trace.length;
  const selfOf = selfTimes(trace);
  const nodeOf = new Int32Array(rows);
  const parent = new Int32Array(rows);
  const depth = new Int32Array(rows);
  const count = new Int32Array(rows);
  const errors = new Int32Array(rows);
  const self = new Float64Array(rows);
  const total = new Float64Array(rows);
  const longest = new Int32Array(rows);
  const known = new Map<string, number>();
  let length = 0;
  for (let row = 0; row < rows; row++) {
    const up = trace.parent[row]! < 0 ? -1 : nodeOf[trace.parent[row]!]!;
    const key = `${up} ${trace.service.codes[row]} ${trace.name.codes[row]}`;
    let node = known.get(key);
    if (node === undefined) {
      node = length++;
      known.set(key, node);
      parent[node] = up;
      depth[node] = up < 0 ? 0 : depth[up]! + 1;
      longest[node] = row;
    }
    nodeOf[row] = node;
    count[node] = count[node]! + 1;
    errors[node] = errors[node]! + trace.failed[row]!;
    self[node] = self[node]! + Math.max(0, selfOf[row]!);
    total[node] = total[node]! + trace.duration[row]!;
    if (trace.duration[row]! > trace.duration[longest[node]!]!) longest[node] = row;
  }
  const below = self.slice(0, length);
  const lists: number[][] = Array.from({ length }, () => []);
  const roots: number[] = [];
  for (let node = length - 1; node >= 0; node--) {
    const up = parent[node]!;
    if (up < 0) roots.push(node);
    else {
      below[up] = below[up]! + below[node]!;
      lists[up]!.push(node);
    }
  }
  const byWidth = (list: number[]) => Int32Array.from(list.sort((a, b) => below[b]! - below[a]! || a - b));
  return {
    length,
    parent: parent.slice(0, length),
    depth: depth.slice(0, length),
    count: count.slice(0, length),
    errors: errors.slice(0, length),
    self: self.slice(0, length),
    below,
    total: total.slice(0, length),
    longest: longest.slice(0, length),
    children: lists.map(byWidth),
    roots: byWidth(roots),
    nodeOf,
  };
}

/** A node on screen; `left` and `width` are shares of the whole picture. */
export interface FlameBox {
  node: number;
  level: number;
  left: number;
  width: number;
}

/**
 * What is seen when `top` fills the picture (−1: all roots): its ancestors above it over the whole width, and below it what
 * is at least `widthMin` wide.
 */
export function flameBoxes(flame: Flame, top: number, widthMin: number): FlameBox[] {
  const boxes: FlameBox[] = [];
  const path: number[] = [];
  for (let at = top; at >= 0; at = flame.parent[at]!) path.push(at);
  path.reverse().forEach((node, level) => {
    boxes.push({ node, level, left: 0, width: 1 });
  });
  const whole = top >= 0 ? flame.below[top]! : flame.roots.reduce((sum, root) => sum + flame.below[root]!, 0);
  if (whole <= 0) return boxes;
  const open: { nodes: Int32Array; left: number; level: number }[] = [
    top >= 0 ? { nodes: flame.children[top]!, left: 0, level: path.length } : { nodes: flame.roots, left: 0, level: 0 },
  ];
  for (let next = open.pop(); next; next = open.pop()) {
    let { left } = next;
    for (const node of next.nodes) {
      const width = flame.below[node]! / whole;
      if (width < widthMin) break;
      boxes.push({ node, level: next.level, left, width });
      open.push({ nodes: flame.children[node]!, left, level: next.level + 1 });
      left += width;
    }
  }
  return boxes;
}

/** The nodes at and below `top` (−1: all), those with most time in themselves first. */
export function flameNodes(flame: Flame, top: number): number[] {
  const found: number[] = [];
  const open = top >= 0 ? [top] : [...flame.roots];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    found.push(node);
    for (const child of flame.children[node]!) open.push(child);
  }
  return found.sort((a, b) => flame.self[b]! - flame.self[a]! || a - b);
}

/** Where an arrow key leads from a node; the node itself when there is nothing that way. */
export function flameStep(flame: Flame, node: number, way: 'up' | 'down' | 'left' | 'right'): number {
  const up = flame.parent[node]!;
  if (way === 'up') return up < 0 ? node : up;
  if (way === 'down') return flame.children[node]![0] ?? node;
  const siblings = up < 0 ? flame.roots : flame.children[up]!;
  return siblings[siblings.indexOf(node) + (way === 'right' ? 1 : -1)] ?? node;
}
