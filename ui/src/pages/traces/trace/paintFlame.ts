/** The flame on its canvas: roots on top, a row for each step down. */

import { serviceColour } from '../../../model/colour';
import { formatShare } from '../../../model/format';
import { type Trace, text } from '../../../model/trace';
import type { Flame, FlameBox } from '../../../model/traceFlame';
import type { Palette } from '../waterfall/palette';

export const FLAME_ROW = 24;
const GAP = 1;
const TEXT_MIN = 34;

export interface FlameScene {
  trace: Trace;
  flame: Flame;
  boxes: readonly FlameBox[];
  palette: Palette;
  width: number;
  height: number;
  /** Nodes, −1 for none. */
  top: number;
  active: number;
  hovered: number;
}

export function paintFlame(pen: CanvasRenderingContext2D, scene: FlameScene): void {
  const { palette, boxes, width, height } = scene;
  pen.fillStyle = palette.colour.surface;
  pen.fillRect(0, 0, width, height);
  pen.textBaseline = 'middle';
  for (const box of boxes) paintBox(pen, scene, box);
  for (const box of boxes) if (box.node === scene.active) mark(pen, scene, box);
}

function place(box: FlameBox, width: number): [number, number, number] {
  const left = box.left * width;
  return [left, box.level * FLAME_ROW, Math.max(1, box.width * width - GAP)];
}

function paintBox(pen: CanvasRenderingContext2D, scene: FlameScene, box: FlameBox): void {
  const { trace, flame, palette } = scene;
  const [x, y, wide] = place(box, scene.width);
  const row = flame.longest[box.node]!;
  const service = text(trace.service, row);
  const colour = palette.services[serviceColour(service)]!;
  const failed = flame.errors[box.node]! > 0;
  const tall = FLAME_ROW - GAP;
  // A tint under the text, so that it reads on every service's colour; the full colour stands at the edge.
  pen.globalAlpha = box.node === scene.hovered ? 0.5 : above(flame, box.node, scene.top) ? 0.16 : 0.3;
  pen.fillStyle = colour;
  pen.fillRect(x, y, wide, tall);
  pen.globalAlpha = 1;
  pen.fillRect(x, y, Math.min(3, wide), tall);
  // What it spent in itself, of all that is below it.
  const share = flame.below[box.node]! > 0 ? flame.self[box.node]! / flame.below[box.node]! : 0;
  pen.fillRect(x, y + tall - 2, wide * share, 2);
  if (failed) {
    pen.fillStyle = palette.colour.error;
    pen.fillRect(x, y, wide, 2);
  }
  if (wide >= TEXT_MIN) paintWords(pen, scene, box, x, y, wide, service);
}

function above(flame: Flame, node: number, top: number): boolean {
  return top >= 0 && node !== top && flame.depth[node]! < flame.depth[top]!;
}

function paintWords(
  pen: CanvasRenderingContext2D,
  scene: FlameScene,
  box: FlameBox,
  x: number,
  y: number,
  wide: number,
  service: string,
): void {
  const { trace, flame, palette } = scene;
  const row = flame.longest[box.node]!;
  const up = flame.parent[box.node]!;
  const moved = up < 0 || text(trace.service, flame.longest[up]!) !== service;
  const many = flame.count[box.node]! > 1 ? ` ×${flame.count[box.node]}` : '';
  const middle = y + (FLAME_ROW - GAP) / 2 - 0.5;
  pen.save();
  pen.beginPath();
  pen.rect(x, y, wide - 4, FLAME_ROW);
  pen.clip();
  let left = x + 8;
  if (moved) {
    pen.font = `600 12px ${palette.font}`;
    pen.fillStyle = palette.colour.text;
    pen.fillText(service, left, middle);
    left += pen.measureText(service).width + 6;
  }
  pen.font = `12px ${palette.font}`;
  pen.fillStyle = palette.colour.text;
  const words = `${text(trace.name, row)}${many}`;
  pen.fillText(words, left, middle);
  left += pen.measureText(words).width + 10;
  const share = formatShare(box.width, 1);
  const measured = pen.measureText(share).width;
  if (box.width < 1 && left + measured < x + wide - 8) {
    pen.fillStyle = palette.colour.muted;
    pen.fillText(share, x + wide - measured - 8, middle);
  }
  pen.restore();
}

function mark(pen: CanvasRenderingContext2D, scene: FlameScene, box: FlameBox): void {
  const [x, y, wide] = place(box, scene.width);
  pen.strokeStyle = scene.palette.colour.accent;
  pen.lineWidth = 2;
  pen.strokeRect(x + 1, y + 1, Math.max(1, wide - 2), FLAME_ROW - GAP - 2);
}

/** The box under the pointer. */
export function boxAt(boxes: readonly FlameBox[], x: number, y: number, width: number): FlameBox | undefined {
  const level = Math.floor(y / FLAME_ROW);
  const share = x / width;
  return boxes.find(box => box.level === level && share >= box.left && share < box.left + box.width);
}
