/** The right side: when it was, how long it took, and what happened on the way. */

import { serviceColour } from '../../../model/colour';
import { formatDuration, plural } from '../../../model/format';
import { isUnusual, Mark, type Segment, startOf, type TraceLog, text } from '../../../model/trace';
import type { Pen } from './paint';
import { chip, fontOf, measured, severityToken } from './paintLabel';
import { BAR_HEIGHT, type Moment, ROW_HEIGHT, type Scene, xOf } from './scene';

const BAR_TOP = (ROW_HEIGHT - BAR_HEIGHT) / 2 - 1;
/** How far the ghost of the usual stands out above the bar; below it runs the critical path. */
const GHOST_AIR = 3;

let hatches: { key: string; pattern: CanvasPattern | null } | undefined;

/** Slanted lines over a failed bar: the sign that needs no colour. */
function hatch(pen: Pen, colour: string): CanvasPattern | null {
  if (hatches?.key === colour) return hatches.pattern;
  const tile = document.createElement('canvas');
  tile.width = 6;
  tile.height = 6;
  const ink = tile.getContext('2d')!;
  ink.strokeStyle = colour;
  ink.globalAlpha = 0.5;
  ink.lineWidth = 1.6;
  ink.beginPath();
  for (const shift of [-6, 0, 6]) {
    ink.moveTo(shift - 1, 7);
    ink.lineTo(shift + 7, -1);
  }
  ink.stroke();
  hatches = { key: colour, pattern: pen.createPattern(tile, 'repeat') };
  return hatches.pattern;
}

/** Both ends on screen, cut to a little beyond it: huge coordinates make the canvas slow and inexact. */
function ends(scene: Scene, start: number, duration: number): [number, number] {
  const left = Math.max(xOf(start, scene), scene.labelWidth - 20);
  const right = Math.min(xOf(start + duration, scene), scene.width + 20);
  return [left, Math.max(right, left + 2)];
}

function outside(scene: Scene, start: number, duration: number): -1 | 0 | 1 {
  if (xOf(start, scene) > scene.width) return 1;
  return xOf(start + duration, scene) < scene.labelWidth - 1 ? -1 : 0;
}

/** An arrow at the edge that has the bar behind it. */
function beyond(pen: Pen, scene: Scene, side: -1 | 1, y: number): void {
  const x = side < 0 ? scene.labelWidth + 7 : scene.width - 7;
  const middle = y + ROW_HEIGHT / 2;
  pen.fillStyle = scene.palette.colour.edge;
  pen.beginPath();
  pen.moveTo(x + side * 3, middle);
  pen.lineTo(x - side * 2, middle - 3.5);
  pen.lineTo(x - side * 2, middle + 3.5);
  pen.fill();
}

function bar(pen: Pen, left: number, right: number, y: number): void {
  pen.beginPath();
  pen.roundRect(left, y + BAR_TOP, right - left, BAR_HEIGHT, Math.min(2.5, (right - left) / 2));
}

export function paintSpanBar(pen: Pen, scene: Scene, span: number, y: number): void {
  const { trace, palette } = scene;
  const start = startOf(trace, span, scene.adjusted);
  const duration = trace.duration[span]!;
  const marks = trace.marks[span]!;
  const side = outside(scene, start, duration);
  if (side !== 0) {
    beyond(pen, scene, side, y);
    return;
  }
  const [left, right] = ends(scene, start, duration);
  const colour = palette.services[serviceColour(text(trace.service, span))]!;
  const usual = scene.usual.get(span);
  const usualEnd = usual ? paintUsual(pen, scene, start, usual.nano, y) : left;

  bar(pen, left, right, y);
  if (marks & Mark.missing) {
    pen.setLineDash([4, 3]);
    pen.strokeStyle = palette.colour.edge;
    pen.lineWidth = 1;
    pen.stroke();
    pen.setLineDash([]);
  } else if (marks & Mark.inProgress) {
    const fade = pen.createLinearGradient(left, 0, Math.max(right, left + 40), 0);
    fade.addColorStop(0, colour);
    fade.addColorStop(0.6, colour);
    fade.addColorStop(1, 'transparent');
    pen.fillStyle = fade;
    bar(pen, left, Math.max(right, left + 40), y);
    pen.fill();
  } else {
    pen.fillStyle = colour;
    pen.fill();
    if (trace.failed[span]) paintFailure(pen, scene, left, right);
  }
  if (usual) paintUsualEnd(pen, scene, start + usual.nano, y);
  if (trace.skew[span] !== 0) paintRawEnds(pen, scene, span, y);
  const segments = scene.critical?.(span);
  if (segments) paintCritical(pen, scene, segments, y);
  const moments = scene.moments(span);
  if (moments) for (const moment of moments) paintMoment(pen, scene, moment.at, momentColour(scene, moment.colour), y);
  paintDuration(pen, scene, span, left, Math.max(right, usualEnd), y);
}

/** A ghost behind the bar, as long as such spans usually are; how far it reaches on screen. */
function paintUsual(pen: Pen, scene: Scene, start: number, nano: number, y: number): number {
  const [left, right] = ends(scene, start, nano);
  const alpha = pen.globalAlpha;
  pen.globalAlpha = alpha * 0.16;
  pen.fillStyle = scene.palette.colour.text;
  pen.beginPath();
  pen.roundRect(left - 1, y + BAR_TOP - GHOST_AIR, right - left + 1, BAR_HEIGHT + GHOST_AIR, 2);
  pen.fill();
  pen.globalAlpha = alpha;
  return right;
}

/** Where it usually ends: over the bar when that went on. */
function paintUsualEnd(pen: Pen, scene: Scene, at: number, y: number): void {
  const x = Math.round(xOf(at, scene));
  if (x < scene.labelWidth || x > scene.width) return;
  pen.fillStyle = scene.palette.colour.surface;
  pen.fillRect(x - 1, y + BAR_TOP - GHOST_AIR, 3.5, BAR_HEIGHT + GHOST_AIR);
  pen.fillStyle = scene.palette.colour.text;
  pen.fillRect(x, y + BAR_TOP - GHOST_AIR, 1.5, BAR_HEIGHT + GHOST_AIR);
}

function paintFailure(pen: Pen, scene: Scene, left: number, right: number): void {
  const pattern = right - left > 5 && hatch(pen, scene.palette.colour.surface);
  if (pattern) {
    pen.fillStyle = pattern;
    pen.fill();
  }
  pen.lineWidth = 1.5;
  pen.strokeStyle = scene.palette.colour.error;
  pen.stroke();
}

/** Where the other clock would have it: a dotted line, so that the correction is never hidden. */
function paintRawEnds(pen: Pen, scene: Scene, span: number, y: number): void {
  const other = startOf(scene.trace, span, !scene.adjusted);
  const [left, right] = ends(scene, other, scene.trace.duration[span]!);
  if (outside(scene, other, scene.trace.duration[span]!) !== 0) return;
  pen.strokeStyle = scene.palette.colour.muted;
  pen.lineWidth = 1;
  pen.setLineDash([2, 2]);
  bar(pen, Math.round(left) + 0.5, Math.round(right) + 0.5, y + 0.5);
  pen.stroke();
  pen.setLineDash([]);
}

function paintCritical(pen: Pen, scene: Scene, segments: readonly Segment[], y: number): void {
  pen.fillStyle = scene.palette.colour.text;
  let drawn = Number.NEGATIVE_INFINITY;
  for (const segment of segments) {
    if (segment.to < scene.view.from) continue;
    const from = Math.max(xOf(segment.from, scene), scene.labelWidth);
    if (from > scene.width) break;
    const to = Math.max(Math.min(xOf(segment.to, scene), scene.width), from + 1);
    if (to <= drawn) continue;
    pen.fillRect(Math.max(from, drawn), y + BAR_TOP + BAR_HEIGHT + 1, to - Math.max(from, drawn), 2.5);
    drawn = to;
  }
}

function momentColour(scene: Scene, colour: Moment['colour']): string {
  return colour === 'event' ? scene.palette.colour.text : scene.palette.colour[`severity-${colour}`];
}

function paintMoment(pen: Pen, scene: Scene, at: number, colour: string, y: number): void {
  const x = xOf(at, scene);
  if (x < scene.labelWidth || x > scene.width) return;
  pen.beginPath();
  pen.arc(x, y + BAR_TOP + BAR_HEIGHT / 2, 3, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
  pen.lineWidth = 1.5;
  pen.strokeStyle = scene.palette.colour.surface;
  pen.stroke();
}

/** After the bar, else before it, else over it on ground of its own. */
function paintDuration(pen: Pen, scene: Scene, span: number, left: number, right: number, y: number): void {
  const { trace, palette } = scene;
  const marks = trace.marks[span]!;
  if (marks & Mark.missing) return;
  const unfinished = (marks & Mark.inProgress) !== 0;
  const duration = formatDuration(trace.duration[span]!);
  const words = unfinished ? `in progress, ≥ ${duration}` : withUsual(pen, scene, span, duration, right);
  const ink = trace.failed[span] ? palette.colour.error : palette.colour.muted;
  let end = besides(pen, scene, words, ink, left, unfinished ? Math.max(right, left + 40) : right, y);
  if (marks & Mark.firstCause) {
    end = chip(
      pen,
      scene,
      'first cause',
      end + 7,
      y,
      palette.colour.error,
      palette.colour['error-soft'],
      palette.colour.error,
    );
  }
  if (marks & Mark.orphan)
    chip(pen, scene, 'parent missing', end + 7, y, palette.colour.muted, palette.colour.sunken, palette.colour.line);
}

/** The duration, and the usual where it is another one and has room. */
function withUsual(pen: Pen, scene: Scene, span: number, duration: string, right: number): string {
  const usual = scene.usual.get(span);
  if (!usual || !isUnusual(scene.trace.duration[span]!, usual.nano)) return duration;
  const words = `${duration}, usually ${formatDuration(usual.nano)}`;
  pen.font = fontOf(scene, 11);
  return right + 6 + measured(pen, words) <= scene.width - 4 ? words : duration;
}

function besides(pen: Pen, scene: Scene, words: string, ink: string, left: number, right: number, y: number): number {
  pen.font = fontOf(scene, 11);
  const width = measured(pen, words);
  const middle = y + ROW_HEIGHT / 2 - 0.5;
  let x = right + 6;
  if (x + width > scene.width - 4) {
    x = left - width - 6;
    if (x < scene.labelWidth + 4) {
      x = Math.max(Math.min(scene.width - width - 10, right - width - 8), scene.labelWidth + 8);
      pen.fillStyle = scene.palette.colour.surface;
      pen.beginPath();
      pen.roundRect(x - 4, y + BAR_TOP, width + 8, BAR_HEIGHT + 1, 3);
      pen.fill();
    }
  }
  pen.fillStyle = ink;
  pen.fillText(words, x, middle);
  return Math.max(x + width, right);
}

/** Every member where it was, on one line. */
export function paintFoldBar(pen: Pen, scene: Scene, first: number, y: number): void {
  const { trace, palette } = scene;
  const sum = scene.folds(first);
  const side = outside(scene, sum.from, sum.to - sum.from);
  if (side !== 0) {
    beyond(pen, scene, side, y);
    return;
  }
  const [left, right] = ends(scene, sum.from, sum.to - sum.from);
  const colour = palette.services[serviceColour(text(trace.service, first))]!;
  pen.fillStyle = colour;
  const alpha = pen.globalAlpha;
  pen.globalAlpha = alpha * 0.25;
  pen.fillRect(left, y + ROW_HEIGHT / 2 - 2, right - left, 2);
  pen.globalAlpha = alpha;
  let drawn = Number.NEGATIVE_INFINITY;
  for (let member = first, left = sum.members; left > 0; left--, member += trace.size[member]!) {
    const start = startOf(trace, member, scene.adjusted);
    const from = Math.max(xOf(start, scene), drawn, scene.labelWidth - 2);
    const to = Math.min(Math.max(xOf(start + trace.duration[member]!, scene), from + 1), scene.width);
    if (to - drawn < 0.5 || from > scene.width) continue;
    pen.fillStyle = trace.failed[member] ? palette.colour.error : colour;
    // A hair of ground between neighbours shows that they are many.
    pen.fillRect(from, y + BAR_TOP + 1, Math.max(to - from - 0.5, 0.75), BAR_HEIGHT - 2);
    drawn = to;
  }
  const failed = sum.errors > 0 ? ` · ${plural(sum.errors, 'error')}` : '';
  const words = `Σ ${formatDuration(sum.total)} · max ${formatDuration(sum.longest)}${failed}`;
  besides(pen, scene, words, failed ? palette.colour.error : palette.colour.muted, left, right, y);
}

export function paintLogMoment(pen: Pen, scene: Scene, log: TraceLog, y: number): void {
  paintMoment(pen, scene, log.at, momentColour(scene, severityToken(log.log.severity)), y);
}
