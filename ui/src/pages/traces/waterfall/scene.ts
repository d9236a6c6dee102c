/** What one frame is painted from. The painter reads it and keeps nothing. */

import type { Extent, Segment, Trace, TraceLog, Usual } from '../../../model/trace';
import type { Fold, VisibleRows } from '../../../model/traceRows';
import type { Palette } from './palette';

/** A moment on a bar: a log record or a span event. */
export interface Moment {
  at: number;
  colour: 'debug' | 'info' | 'warn' | 'error' | 'event';
}

export interface Scene {
  trace: Trace;
  rows: VisibleRows;
  logs: readonly TraceLog[];
  collapsed: ReadonlySet<number>;
  unfolded: ReadonlySet<number>;
  /** Which spans have something below them, children or shown logs. */
  opens: (span: number) => boolean;
  moments: (span: number) => readonly Moment[] | undefined;
  folds: (first: number) => Fold;
  /** Stretches of the critical path of one span, in time order; nothing when it is not shown. */
  critical: ((span: number) => readonly Segment[] | undefined) | undefined;
  /** The stretch that follows on the critical path, for the line between two bars. */
  after: (segment: Segment) => Segment | undefined;
  /** What such spans usually take, by row: drawn as a ghost behind the bar. Empty when it is not shown. */
  usual: ReadonlyMap<number, Usual>;
  /** What find has found: the rest is dimmed. */
  matches: Uint8Array | undefined;
  adjusted: boolean;
  view: Extent;
  palette: Palette;
  /** All in CSS pixels. */
  width: number;
  height: number;
  labelWidth: number;
  /** Pixels of rows above the top edge. */
  top: number;
  /** Places in `rows`, −1 for none. */
  active: number;
  hovered: number;
  focused: boolean;
  /** Time under the pointer. */
  cursor: number | undefined;
}

export const ROW_HEIGHT = 24;
export const BAR_HEIGHT = 12;
/** Room right of the last moment, for the duration of a bar that fills the axis. */
export const GUTTER = 84;
export const INDENT = 14;
export const LABEL_LEFT = 8;
const CHEVRON = 14;

/** Deep trees keep room for their names: from some level on, rows no longer move right. */
export function indentOf(level: number, labelWidth: number): number {
  const most = Math.max(2, Math.floor((labelWidth * 0.45) / INDENT));
  return LABEL_LEFT + Math.min(level, most) * INDENT;
}

export function isDeep(level: number, labelWidth: number): boolean {
  return level > Math.max(2, Math.floor((labelWidth * 0.45) / INDENT));
}

/** Where the text of a row begins, right of the sign that opens it. */
export function textLeft(level: number, labelWidth: number): number {
  return indentOf(level, labelWidth) + CHEVRON;
}

export function axisWidth(width: number, labelWidth: number): number {
  return Math.max(width - labelWidth - GUTTER, 40);
}

export function xOf(time: number, scene: Pick<Scene, 'view' | 'width' | 'labelWidth'>): number {
  const { from, to } = scene.view;
  return scene.labelWidth + ((time - from) / (to - from)) * axisWidth(scene.width, scene.labelWidth);
}

export function timeOf(x: number, scene: Pick<Scene, 'view' | 'width' | 'labelWidth'>): number {
  const { from, to } = scene.view;
  return from + ((x - scene.labelWidth) / axisWidth(scene.width, scene.labelWidth)) * (to - from);
}
