/** The left column: the tree, who it was, and what is special about a row. */

import { serviceColour } from '../../../model/colour';
import { formatWhole } from '../../../model/format';
import type { Severity } from '../../../model/severity';
import { Mark, text } from '../../../model/trace';
import type { Pen } from './paint';
import { INDENT, indentOf, isDeep, LABEL_LEFT, type Moment, ROW_HEIGHT, type Scene, textLeft, xOf } from './scene';

const SIZE = 12.5;
const SMALL = 11;

export function fontOf(scene: Scene, size = SIZE, style = ''): string {
  return `${style} ${size}px ${scene.palette.font}`;
}

const widths = new Map<string, Map<string, number>>();

/** Measured once per font and text: measuring costs more than painting. */
export function measured(pen: Pen, words: string): number {
  let byText = widths.get(pen.font);
  if (!byText) {
    byText = new Map();
    widths.set(pen.font, byText);
  }
  let width = byText.get(words);
  if (width === undefined) {
    if (byText.size > 20_000) byText.clear();
    width = pen.measureText(words).width;
    byText.set(words, width);
  }
  return width;
}

function guides(pen: Pen, scene: Scene, level: number, y: number): void {
  pen.fillStyle = scene.palette.colour.line;
  const right = indentOf(level, scene.labelWidth);
  for (let x = LABEL_LEFT; x < right; x += INDENT) pen.fillRect(Math.round(x + 5), y, 1, ROW_HEIGHT);
}

function chevron(pen: Pen, scene: Scene, level: number, y: number, open: boolean): void {
  const x = indentOf(level, scene.labelWidth) + 5.5;
  const middle = y + ROW_HEIGHT / 2;
  pen.strokeStyle = scene.palette.colour.muted;
  pen.lineWidth = 1.5;
  pen.lineJoin = 'round';
  pen.beginPath();
  if (open) {
    pen.moveTo(x - 3.5, middle - 2);
    pen.lineTo(x, middle + 2);
    pen.lineTo(x + 3.5, middle - 2);
  } else {
    pen.moveTo(x - 2, middle - 3.5);
    pen.lineTo(x + 2, middle);
    pen.lineTo(x - 2, middle + 3.5);
  }
  pen.stroke();
}

function swatch(pen: Pen, scene: Scene, service: string, x: number, y: number): void {
  pen.fillStyle = scene.palette.services[serviceColour(service)]!;
  pen.beginPath();
  pen.roundRect(x, y + 5, 4, ROW_HEIGHT - 10, 2);
  pen.fill();
}

/** A triangle with a stroke inside; hollow where the failure only came up from below. */
function errorSign(pen: Pen, scene: Scene, x: number, y: number, hollow: boolean): void {
  const { error, surface } = scene.palette.colour;
  const top = y + 6.5;
  pen.beginPath();
  pen.moveTo(x + 6, top);
  pen.lineTo(x + 12, top + 10.5);
  pen.lineTo(x, top + 10.5);
  pen.closePath();
  pen.lineWidth = 1.3;
  pen.lineJoin = 'round';
  pen.strokeStyle = error;
  pen.stroke();
  if (!hollow) {
    pen.fillStyle = error;
    pen.fill();
  }
  pen.fillStyle = hollow ? error : surface;
  pen.fillRect(x + 5.3, top + 3.4, 1.5, 3.6);
  pen.fillRect(x + 5.3, top + 8, 1.5, 1.5);
}

/** Words in a rounded box; returns its right edge. */
export function chip(
  pen: Pen,
  scene: Scene,
  words: string,
  x: number,
  y: number,
  ink: string,
  ground: string,
  edge?: string,
): number {
  pen.font = fontOf(scene, SMALL, '600');
  const width = measured(pen, words) + 10;
  pen.beginPath();
  pen.roundRect(x, y + 4.5, width, 15, 4);
  pen.fillStyle = ground;
  pen.fill();
  if (edge) {
    pen.strokeStyle = edge;
    pen.lineWidth = 1;
    pen.stroke();
  }
  pen.fillStyle = ink;
  pen.fillText(words, x + 5, y + ROW_HEIGHT / 2 + 0.5);
  return x + width;
}

/** Counts at the right edge of the column, over whatever name is too long. */
function counts(pen: Pen, scene: Scene, index: number, span: number, y: number): void {
  const { trace, palette } = scene;
  const logs = trace.logs[span]!;
  if (logs === 0) return;
  const failed = trace.errorLogs[span]! > 0;
  pen.font = fontOf(scene, SMALL);
  const words = formatWhole(logs);
  const width = measured(pen, words) + 15;
  const x = scene.labelWidth - width - 7;
  pen.fillStyle = palette.colour[index === scene.active ? 'selected' : index === scene.hovered ? 'hover' : 'surface'];
  pen.fillRect(x - 6, y + 1, width + 12, ROW_HEIGHT - 2);
  pen.fillStyle = failed ? palette.colour.error : palette.colour.muted;
  for (const [line, length] of [7.5, 9, 5.5].entries()) pen.fillRect(x, y + 8 + line * 3.5, length, 1.3);
  pen.fillText(words, x + 13, y + ROW_HEIGHT / 2 + 0.5);
}

export function paintSpanLabel(pen: Pen, scene: Scene, index: number, y: number): void {
  const { trace, palette, rows, labelWidth } = scene;
  const span = rows.ref[index]!;
  const level = rows.level[index]!;
  const middle = y + ROW_HEIGHT / 2 + 0.5;
  const marks = trace.marks[span]!;
  guides(pen, scene, level, y);
  const closed = scene.collapsed.has(span);
  if (scene.opens(span)) chevron(pen, scene, level, y, !closed);

  const service = text(trace.service, span);
  let x = textLeft(level, labelWidth) + 2;
  if (isDeep(level, labelWidth)) {
    pen.font = fontOf(scene, SMALL);
    pen.fillStyle = palette.colour.muted;
    const words = `${level}›`;
    pen.fillText(words, x, middle);
    x += measured(pen, words) + 4;
  }
  if (!(marks & Mark.missing)) swatch(pen, scene, service, x, y);
  x += 9;
  if (trace.failed[span]) {
    errorSign(pen, scene, x, y, (marks & Mark.causedBy) !== 0 && (marks & Mark.firstCause) === 0);
    x += 17;
  }
  const parent = trace.parent[span]!;
  const crosses = parent < 0 || trace.service.codes[parent] !== trace.service.codes[span];
  if (crosses && service) {
    pen.font = fontOf(scene, SIZE, '600');
    pen.fillStyle = palette.colour.text;
    pen.fillText(service, x, middle);
    x += measured(pen, service) + 7;
  }
  const missing = (marks & Mark.missing) !== 0;
  pen.font = fontOf(scene, SIZE, missing ? 'italic' : '');
  pen.fillStyle = missing || crosses ? palette.colour.muted : palette.colour.text;
  const name = text(trace.name, span) || '(no name)';
  pen.fillText(name, x, middle);
  x += measured(pen, name) + 7;
  if (closed && trace.size[span]! > 1) {
    chip(
      pen,
      scene,
      `+${formatWhole(trace.size[span]! - 1)}`,
      x,
      y,
      palette.colour.muted,
      palette.colour.sunken,
      palette.colour.line,
    );
  }
  counts(pen, scene, index, span, y);
}

export function paintFoldLabel(pen: Pen, scene: Scene, index: number, y: number): void {
  const { trace, palette, rows, labelWidth } = scene;
  const first = rows.ref[index]!;
  const level = rows.level[index]!;
  const middle = y + ROW_HEIGHT / 2 + 0.5;
  const sum = scene.folds(first);
  guides(pen, scene, level, y);
  chevron(pen, scene, level, y, scene.unfolded.has(first));
  const service = text(trace.service, first);
  let x = textLeft(level, labelWidth) + 2;
  swatch(pen, scene, service, x, y);
  x += 9;
  if (sum.errors > 0) {
    errorSign(pen, scene, x, y, false);
    x += 17;
  }
  x =
    chip(
      pen,
      scene,
      `×${formatWhole(sum.members)}`,
      x,
      y,
      palette.colour.text,
      palette.colour.sunken,
      palette.colour.edge,
    ) + 6;
  const parent = trace.parent[first]!;
  if (parent < 0 || trace.service.codes[parent] !== trace.service.codes[first]) {
    pen.font = fontOf(scene, SIZE, '600');
    pen.fillStyle = palette.colour.text;
    pen.fillText(service, x, middle);
    x += measured(pen, service) + 7;
  }
  pen.font = fontOf(scene, SIZE);
  pen.fillStyle = palette.colour.text;
  pen.fillText(text(trace.name, first), x, middle);
}

/** The token that colours a severity's moment. */
export function severityToken(severity: Severity): Moment['colour'] {
  if (severity === 'fatal' || severity === 'error') return 'error';
  if (severity === 'warn') return 'warn';
  return severity === 'info' ? 'info' : 'debug';
}

export function paintLogLabel(pen: Pen, scene: Scene, index: number, y: number): void {
  const { palette, rows, labelWidth } = scene;
  const { log, at } = scene.logs[rows.ref[index]!]!;
  const level = rows.level[index]!;
  const middle = y + ROW_HEIGHT / 2 + 0.5;
  guides(pen, scene, level, y);
  let x = textLeft(level, labelWidth) + 2;
  const failed = severityToken(log.severity) === 'error';
  pen.font = fontOf(scene, 10, '700');
  pen.fillStyle = failed ? palette.colour.error : palette.colour.muted;
  const severity = log.severity === 'unspecified' ? 'LOG' : log.severity.toUpperCase();
  pen.fillText(severity, x, middle);
  x += Math.max(measured(pen, severity), 30) + 7;

  const moment = xOf(at, scene);
  pen.font = fontOf(scene, 12);
  // A text that would run over its own moment ends before it.
  const room = (at >= scene.view.from && moment > x ? moment - 9 : scene.width - 8) - x;
  const body = fitted(pen, log.line.slice(0, 400).replaceAll(/\s+/g, ' '), Math.max(room, labelWidth - x - 8));
  if (x + measured(pen, body) > labelWidth - 1) {
    // The line between names and axis would run through the text.
    pen.fillStyle = palette.colour[index === scene.active ? 'selected' : index === scene.hovered ? 'hover' : 'surface'];
    pen.fillRect(labelWidth - 2, y, 3, ROW_HEIGHT);
  }
  pen.fillStyle = failed ? palette.colour.error : palette.colour.text;
  pen.fillText(body, x, middle);
}

/** As much of a text as there is room for. */
function fitted(pen: Pen, words: string, room: number): string {
  const width = measured(pen, words);
  if (width <= room) return words;
  const kept = Math.max(1, Math.floor((words.length * (room - 8)) / width));
  return `${words.slice(0, kept).trimEnd()}…`;
}
