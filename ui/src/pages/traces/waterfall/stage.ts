/**
 * The elements of the waterfall and their sizes. One canvas stays in place inside a native scroller, so that the scroll bar,
 * momentum and touch are the browser's own; the tree grid for screen readers scrolls with it, unseen.
 */

import { ROW_HEIGHT } from './scene';

/** Browsers cap the height of an element (Chromium near 33.5 M pixels): above this the scroll range is scaled. */
const SPACE_MAX = 12_000_000;

export interface Layer {
  canvas: HTMLCanvasElement;
  pen: CanvasRenderingContext2D;
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  name: string,
  parent: HTMLElement,
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = name;
  parent.append(made);
  return made;
}

function layer(name: string, parent: HTMLElement): Layer {
  const canvas = element('canvas', name, parent);
  canvas.setAttribute('aria-hidden', 'true');
  return { canvas, pen: canvas.getContext('2d', { alpha: false })! };
}

export class Stage {
  readonly root: HTMLElement;
  readonly minimap: Layer;
  readonly brush: HTMLElement;
  readonly ruler: Layer;
  readonly scroller: HTMLElement;
  readonly space: HTMLElement;
  readonly rows: Layer;
  readonly grid: HTMLElement;
  readonly divider: HTMLElement;
  readonly range: HTMLElement;
  readonly tip: HTMLElement;
  width = 0;
  height = 0;
  ratio = 1;
  private content = 0;

  constructor(host: HTMLElement) {
    this.root = element('div', 'waterfall', host);
    const overview = element('div', 'waterfall-overview', this.root);
    this.minimap = layer('waterfall-minimap', overview);
    this.brush = element('div', 'waterfall-brush', overview);
    this.ruler = layer('waterfall-ruler', this.root);
    this.scroller = element('div', 'waterfall-scroller', this.root);
    this.space = element('div', 'waterfall-space', this.scroller);
    this.rows = layer('waterfall-rows', this.space);
    this.grid = element('div', 'waterfall-grid', this.space);
    this.divider = element('div', 'waterfall-divider', this.root);
    this.range = element('div', 'waterfall-range', this.root);
    this.tip = element('div', 'waterfall-tip', this.root);
    this.range.hidden = true;
    this.tip.hidden = true;
    this.tip.setAttribute('aria-hidden', 'true');
  }

  /** Takes the sizes of the layout; true when something changed. */
  measure(): boolean {
    const width = this.scroller.clientWidth;
    const height = this.scroller.clientHeight;
    const ratio = window.devicePixelRatio || 1;
    if (width === this.width && height === this.height && ratio === this.ratio) return false;
    this.width = width;
    this.height = height;
    this.ratio = ratio;
    for (const { canvas, pen } of [this.rows, this.ruler, this.minimap]) {
      const tall = canvas === this.rows.canvas ? height : canvas.clientHeight;
      const wide = canvas === this.minimap.canvas ? canvas.clientWidth : width;
      canvas.width = Math.max(1, Math.round(wide * ratio));
      canvas.height = Math.max(1, Math.round(tall * ratio));
      if (canvas !== this.minimap.canvas) canvas.style.width = `${wide}px`;
      if (canvas === this.rows.canvas) canvas.style.height = `${tall}px`;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    return true;
  }

  /** Room for so many rows, and a little air below the last. */
  setRows(count: number): void {
    this.content = (count + 1) * ROW_HEIGHT;
    this.space.style.height = `${Math.max(Math.min(this.content, SPACE_MAX), this.height)}px`;
  }

  private get scale(): number {
    const space = Math.min(this.content, SPACE_MAX);
    return space > this.height && this.content > space ? (this.content - this.height) / (space - this.height) : 1;
  }

  /** Pixels of rows above the top edge. */
  get top(): number {
    return Math.min(this.scroller.scrollTop * this.scale, Math.max(0, this.content - this.height));
  }

  set top(pixels: number) {
    this.scroller.scrollTop = pixels / this.scale;
  }

  /** Where a row stands in the scrolled space, for the tree grid. */
  placeOf(index: number): number {
    const scrolled = this.scroller.scrollTop;
    return scrolled + index * ROW_HEIGHT - scrolled * this.scale;
  }

  /** Scrolls just as far as needed; `center` when the row comes from far away. */
  show(index: number, center = false): void {
    const y = index * ROW_HEIGHT;
    const top = this.top;
    if (y >= top && y + ROW_HEIGHT <= top + this.height) return;
    const far = center || y < top - this.height || y > top + 2 * this.height;
    if (far) this.top = y - this.height / 3;
    else this.top = y < top ? y : y + ROW_HEIGHT - this.height;
  }

  destroy(): void {
    this.root.remove();
  }
}
