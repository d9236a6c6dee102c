/** One frame of the rows: some forty of them, whatever the size of the trace. */

import { RowKind } from '../../../model/traceRows';
import { paintFoldBar, paintLogMoment, paintSpanBar } from './paintBar';
import { paintFoldLabel, paintLogLabel, paintSpanLabel } from './paintLabel';
import { ticks } from './ruler';
import { axisWidth, ROW_HEIGHT, type Scene, xOf } from './scene';

export type Pen = CanvasRenderingContext2D;

export function paintRows(pen: Pen, scene: Scene): void {
  const { width, height, labelWidth, palette, rows, top } = scene;
  pen.fillStyle = palette.colour.surface;
  pen.fillRect(0, 0, width, height);

  const first = Math.max(0, Math.floor(top / ROW_HEIGHT));
  const last = Math.min(rows.length - 1, Math.floor((top + height) / ROW_HEIGHT));
  const yOf = (index: number) => Math.round(index * ROW_HEIGHT - top);

  for (const [index, token] of [
    [scene.hovered, 'hover'],
    [scene.active, 'selected'],
  ] as const) {
    if (index < first || index > last) continue;
    pen.fillStyle = palette.colour[token];
    pen.fillRect(0, yOf(index), width, ROW_HEIGHT);
  }

  pen.textBaseline = 'middle';
  clipped(pen, labelWidth, 0, width - labelWidth, height, () => {
    paintGrid(pen, scene);
    for (let index = first; index <= last; index++) {
      pen.globalAlpha = dimmed(scene, index) ? 0.28 : 1;
      paintBar(pen, scene, index, yOf(index));
    }
    pen.globalAlpha = 1;
    if (scene.critical) paintCriticalLinks(pen, scene, first, last, yOf);
  });
  clipped(pen, 0, 0, labelWidth, height, () => {
    for (let index = first; index <= last; index++) {
      if (rows.kind[index] === RowKind.log) continue;
      pen.globalAlpha = dimmed(scene, index) ? 0.4 : 1;
      paintLabel(pen, scene, index, yOf(index));
    }
  });
  pen.fillStyle = palette.colour.line;
  pen.fillRect(labelWidth - 1, 0, 1, height);
  // Logs run on over the axis as far as their own moment.
  for (let index = first; index <= last; index++) {
    if (rows.kind[index] === RowKind.log) paintLogLabel(pen, scene, index, yOf(index));
  }
  pen.globalAlpha = 1;

  if (scene.cursor !== undefined) {
    pen.fillStyle = palette.colour.edge;
    pen.fillRect(Math.round(xOf(scene.cursor, scene)), 0, 1, height);
  }
  if (scene.focused && scene.active >= first && scene.active <= last) {
    pen.strokeStyle = palette.colour.accent;
    pen.lineWidth = 2;
    pen.strokeRect(1, yOf(scene.active) + 1, width - 2, ROW_HEIGHT - 2);
  }
}

function clipped(pen: Pen, x: number, y: number, width: number, height: number, paint: () => void): void {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.clip();
  paint();
  pen.restore();
}

function dimmed(scene: Scene, index: number): boolean {
  if (!scene.matches || scene.rows.kind[index] === RowKind.log) return false;
  return !scene.matches[scene.rows.ref[index]!];
}

function paintGrid(pen: Pen, scene: Scene): void {
  pen.fillStyle = scene.palette.colour.line;
  for (const tick of ticks(scene.view, axisWidth(scene.width, scene.labelWidth))) {
    pen.fillRect(Math.round(xOf(tick.at, scene)), 0, 1, scene.height);
  }
}

function paintLabel(pen: Pen, scene: Scene, index: number, y: number): void {
  if (scene.rows.kind[index] === RowKind.fold) paintFoldLabel(pen, scene, index, y);
  else paintSpanLabel(pen, scene, index, y);
}

function paintBar(pen: Pen, scene: Scene, index: number, y: number): void {
  const ref = scene.rows.ref[index]!;
  const kind = scene.rows.kind[index]!;
  if (kind === RowKind.span) paintSpanBar(pen, scene, ref, y);
  else if (kind === RowKind.fold) paintFoldBar(pen, scene, ref, y);
  else paintLogMoment(pen, scene, scene.logs[ref]!, y);
}

/** Thin lines from where the critical path leaves one bar to where it enters the next. */
function paintCriticalLinks(pen: Pen, scene: Scene, first: number, last: number, yOf: (index: number) => number): void {
  const { rows } = scene;
  const place = new Map<number, number>();
  for (let index = first; index <= last; index++) {
    if (rows.kind[index] === RowKind.span) place.set(rows.ref[index]!, index);
  }
  pen.strokeStyle = scene.palette.colour.text;
  pen.globalAlpha = 0.45;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const [span, index] of place) {
    let drawn = Number.NEGATIVE_INFINITY;
    for (const segment of scene.critical?.(span) ?? []) {
      if (segment.to < scene.view.from) continue;
      const x = Math.round(xOf(segment.to, scene)) + 0.5;
      if (x > scene.width) break;
      if (x < drawn + 3) continue;
      const next = scene.after(segment);
      const nextIndex = next && place.get(next.row);
      if (nextIndex === undefined || nextIndex === index) continue;
      const from = yOf(index) + ROW_HEIGHT - 3;
      const to = yOf(nextIndex) + ROW_HEIGHT - 3;
      pen.moveTo(x, from);
      pen.lineTo(x, to);
      drawn = x;
    }
  }
  pen.stroke();
  pen.globalAlpha = 1;
}
