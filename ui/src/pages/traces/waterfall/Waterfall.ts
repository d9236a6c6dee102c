/**
 * The waterfall: what is open, where it is scrolled and zoomed, and which row is active. Free of any framework, so that
 * nothing but this decides what a frame costs; React only mounts it and hears what happens.
 *
 * Reading order: scene.ts (what a frame is painted from), paint*.ts (painting it), stage.ts (elements), mirror.ts (the same
 * rows for screen readers), folding.ts (what is open), layers.ts (what lies on the bars), pointer.ts (mouse), keys.ts (which key means which command), and this, which ties them together.
 */

import {
  type Extent,
  extent,
  type Segment,
  SpanIndex,
  type Trace,
  type TraceLog,
  type Usual,
} from '../../../model/trace';
import { nextOf } from '../../../model/traceFind';
import { findSpanRow, RowKind, reveal, visibleRows } from '../../../model/traceRows';
import { shownTheme } from '../../../state/preferences';
import { Folding } from './folding';
import { gridKey, type WaterfallCommand } from './keys';
import { Layers } from './layers';
import { minimapPixels } from './minimap';
import { Mirror } from './mirror';
import { childRow, parentRow, rowOf, spanAbove, stretchOf } from './moves';
import { paintRows } from './paint';
import { paintMinimap, paintRuler } from './paintTop';
import { minimapColours, readPalette } from './palette';
import { listen, placeBrush } from './pointer';
import { indentOf, ROW_HEIGHT, type Scene } from './scene';
import { Stage } from './stage';
import { fillTip } from './tip';
import { around, clamp, isWhole, pan, zoom } from './view';

export interface WaterfallOptions {
  /** Logs in time order; empty until they have come. */
  logs: readonly TraceLog[];
  showLogs: boolean;
  /** The stretches of the critical path in time order; empty until they have come. */
  segments: readonly Segment[];
  /** Moments of span events by row, as far as they are known. */
  events: ReadonlyMap<number, readonly number[]>;
  /** What such spans usually take, by row; empty until it is known, or when it is not shown. */
  usual: ReadonlyMap<number, Usual>;
  /** Only these rows. */
  keep: Uint8Array | undefined;
  /** The rest is dimmed. */
  matches: Uint8Array | undefined;
  adjusted: boolean;
}

export interface WaterfallEvents {
  /** The active row moved to this span, or to none. */
  onSelect(span: number): void;
  /** Somebody wants to see it: a click or Enter. */
  onOpen(span: number): void;
  onOpenLog(log: TraceLog): void;
  /** The range of time, when it rests; nothing when it is the whole. */
  onZoom(view: Extent | undefined): void;
  /** Spans on screen, when scrolling rests. */
  onShown(spans: number[]): void;
  onPainted(): void;
}

const LABEL_WIDTH_MIN = 160;
const SETTLE_MS = 120;

export class Waterfall {
  private readonly stage: Stage;
  private readonly events: WaterfallEvents;
  private readonly mirror: Mirror;
  private readonly scene: Scene;
  private options: WaterfallOptions;
  private whole: Extent;
  private readonly folding = new Folding();
  private readonly layers = new Layers();
  private overviewDrawn = false;
  private theme: string = shownTheme();
  private frame = 0;
  private dirtyTop = true;
  private settle: ReturnType<typeof setTimeout> | undefined;
  private rest: ReturnType<typeof setTimeout> | undefined;
  private readonly stop: (() => void)[] = [];

  constructor(host: HTMLElement, trace: Trace, options: WaterfallOptions, events: WaterfallEvents, labelWidth = 380) {
    this.events = events;
    this.options = options;
    this.stage = new Stage(host);
    this.mirror = new Mirror(this.stage, 'Spans of the trace');
    this.whole = extent(trace, options.adjusted);
    this.scene = {
      trace,
      rows: { length: 0, kind: new Uint8Array(0), ref: new Int32Array(0), level: new Int32Array(0) },
      logs: [],
      collapsed: this.folding.collapsed,
      unfolded: this.folding.unfolded,
      opens: span => trace.size[span]! > 1,
      moments: span => this.layers.momentsOf(span),
      folds: first => this.layers.foldOf(this.scene.trace, first, this.options.adjusted),
      critical: undefined,
      after: segment => this.layers.after(segment),
      usual: options.usual,
      matches: undefined,
      adjusted: options.adjusted,
      view: this.whole,
      palette: readPalette(this.stage.root),
      width: 0,
      height: 0,
      labelWidth,
      top: 0,
      active: -1,
      hovered: -1,
      focused: false,
      cursor: undefined,
    };
    this.listen();
    this.stage.measure();
    this.fitLabel();
    this.apply(options);
    this.paint();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.settle);
    clearTimeout(this.rest);
    for (const stop of this.stop) stop();
    this.stage.destroy();
  }

  // What is shown

  setOptions(options: WaterfallOptions): void {
    if (options === this.options) return;
    if (options.adjusted !== this.options.adjusted) {
      const wasWhole = isWhole(this.scene.view, this.whole);
      this.whole = extent(this.scene.trace, options.adjusted);
      this.scene.view = wasWhole ? this.whole : clamp(this.scene.view, this.whole);
      this.layers.forgetFolds();
      this.overviewDrawn = false;
    }
    this.apply(options);
  }

  /** The same trace with more in it: what was open, active and zoomed stays so. */
  setTrace(trace: Trace): void {
    const before = this.scene.trace;
    if (trace === before) return;
    const index = new SpanIndex(trace);
    this.folding.carry(before, index);
    const active = this.activeSpan();
    const activeId = active >= 0 ? before.spanIds.at(active) : null;
    const wasWhole = isWhole(this.scene.view, this.whole);
    this.scene.trace = trace;
    this.whole = extent(trace, this.options.adjusted);
    this.scene.view = wasWhole ? this.whole : clamp(this.scene.view, this.whole);
    this.layers.forgetFolds();
    this.overviewDrawn = false;
    this.scene.active = -1;
    this.apply(this.options);
    if (activeId) this.select(index.row(activeId), { quiet: true, scroll: false });
  }

  setView(view: Extent, told = true): void {
    this.scene.view = clamp(view, this.whole);
    this.dirtyTop = true;
    this.request();
    if (!told) return;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      this.events.onZoom(isWhole(this.scene.view, this.whole) ? undefined : this.scene.view);
    }, 250);
  }

  bounds(): Extent {
    return this.whole;
  }

  /** Makes a span active, opening whatever hides it. */
  select(span: number, how: { quiet?: boolean; scroll?: boolean; center?: boolean } = {}): void {
    if (span < 0 || span >= this.scene.trace.length) return;
    if (reveal(this.scene.trace, span, this.folding.collapsed, this.folding.unfolded)) this.rebuild();
    const index = findSpanRow(this.scene.rows, span);
    if (index < 0) return;
    this.activate(index, how);
  }

  /** Takes the keys, without a mark until one is pressed. */
  focus(): void {
    this.stage.grid.focus({ preventScroll: true });
    this.scene.focused = false;
    this.request();
  }

  activeSpan(): number {
    const { active, rows } = this.scene;
    return active >= 0 && rows.kind[active] === RowKind.span ? rows.ref[active]! : -1;
  }

  run(command: WaterfallCommand): void {
    const { scene } = this;
    const { rows } = scene;
    const page = Math.max(1, Math.floor(scene.height / ROW_HEIGHT) - 1);
    const to = (index: number) => this.activate(Math.min(Math.max(index, 0), rows.length - 1));
    const middle = this.zoomCenter();
    const commands: Record<WaterfallCommand, () => void> = {
      next: () => to(scene.active + 1),
      previous: () => to(scene.active < 0 ? 0 : scene.active - 1),
      pageDown: () => to(scene.active + page),
      pageUp: () => to(scene.active - page),
      first: () => to(0),
      last: () => to(rows.length - 1),
      close: () => this.closeOrParent(),
      open: () => this.openOrChild(),
      closeAll: () => this.setSubtree(this.activeSpan(), true),
      openAll: () => this.setSubtree(this.activeSpan(), false),
      collapseTrace: () => this.setSubtree(-1, true),
      expandTrace: () => this.setSubtree(-1, false),
      parent: () => this.toParent(),
      details: () => this.openActive(),
      zoomIn: () => this.setView(zoom(scene.view, middle, 1 / 1.5, this.whole)),
      zoomOut: () => this.setView(zoom(scene.view, middle, 1.5, this.whole)),
      panLeft: () => this.setView(pan(scene.view, -0.2, this.whole)),
      panRight: () => this.setView(pan(scene.view, 0.2, this.whole)),
      fit: () => this.setView(this.whole),
      zoomToSpan: () => this.zoomToActive(),
    };
    commands[command]();
  }

  /** Goes to the next of these spans after the active one; false when there is none. */
  goTo(spans: Int32Array, step: 1 | -1): boolean {
    const shown = this.options.keep ? spans.filter(span => this.options.keep![span]) : spans;
    const span = nextOf(shown, spanAbove(this.scene.rows, this.scene.active), step);
    if (span < 0) return false;
    this.select(span, { center: true });
    return true;
  }

  // Rows

  private apply(options: WaterfallOptions): void {
    const before = this.options;
    this.options = options;
    const { scene } = this;
    scene.adjusted = options.adjusted;
    scene.matches = options.matches;
    scene.usual = options.usual;
    scene.logs = options.showLogs ? options.logs : [];
    const withLogs = options.showLogs ? new Set(options.logs.map(log => log.row)) : undefined;
    const { trace } = scene;
    scene.opens = span => trace.size[span]! > 1 || (withLogs?.has(span) ?? false);
    const first = before === options;
    if (first || before.logs !== options.logs || before.events !== options.events) {
      this.layers.placeMoments(options.events, options.logs);
    }
    if (first || before.segments !== options.segments || before.adjusted !== options.adjusted) {
      this.layers.placeSegments(options.segments, trace.skew, options.adjusted);
    }
    scene.critical = options.segments.length > 0 ? span => this.layers.criticalOf(span) : undefined;
    this.rebuild();
  }

  /** Builds the list of rows anew; the active row stays active and, when it is on screen, where it is. */
  private rebuild(): void {
    const { scene, stage } = this;
    const { rows, active } = scene;
    const kind = active >= 0 ? rows.kind[active]! : -1;
    const ref = active >= 0 ? rows.ref[active]! : -1;
    const offset = active * ROW_HEIGHT - stage.top;
    const onScreen = active >= 0 && offset >= 0 && offset < stage.height;
    scene.rows = visibleRows(scene.trace, {
      collapsed: this.folding.collapsed,
      unfolded: this.folding.unfolded,
      keep: this.options.keep,
      logs: this.options.showLogs ? this.options.logs : undefined,
    });
    scene.active = rowOf(scene.rows, scene.trace, kind, ref);
    scene.hovered = -1;
    stage.setRows(scene.rows.length);
    if (onScreen && scene.active >= 0) stage.top = scene.active * ROW_HEIGHT - offset;
    this.dirtyTop = true;
    this.request();
    this.settleSoon();
  }

  private activate(index: number, how: { quiet?: boolean; scroll?: boolean; center?: boolean } = {}): void {
    const { scene } = this;
    if (index < 0 || index >= scene.rows.length) return;
    scene.active = index;
    if (how.scroll !== false) this.stage.show(index, how.center);
    scene.top = this.stage.top;
    this.mirror.move(scene);
    this.request();
    if (!how.quiet) this.events.onSelect(this.activeSpan());
  }

  private toggle(index: number, open?: boolean): boolean {
    const { rows, opens } = this.scene;
    if (!this.folding.toggle(rows, index, opens, open)) return false;
    this.rebuild();
    this.mirror.renew(this.scene);
    return true;
  }

  private closeOrParent(): void {
    if (this.scene.active >= 0 && !this.toggle(this.scene.active, false)) this.toParent();
  }

  private openOrChild(): void {
    const { active, rows } = this.scene;
    if (active >= 0 && !this.toggle(active, true)) this.activate(childRow(rows, active));
  }

  private toParent(): void {
    this.activate(parentRow(this.scene.rows, this.scene.active));
  }

  private setSubtree(span: number, close: boolean): void {
    this.folding.setSubtree(this.scene.trace, span, close);
    this.rebuild();
    this.mirror.renew(this.scene);
  }

  private openActive(): void {
    const { active, rows } = this.scene;
    if (active < 0) return;
    if (rows.kind[active] === RowKind.log) this.events.onOpenLog(this.scene.logs[rows.ref[active]!]!);
    else if (rows.kind[active] === RowKind.fold) this.toggle(active);
    else this.events.onOpen(rows.ref[active]!);
  }

  // Time

  private zoomCenter(): number {
    const { cursor, view } = this.scene;
    return cursor !== undefined && cursor >= view.from && cursor <= view.to ? cursor : (view.from + view.to) / 2;
  }

  private zoomToActive(): void {
    const { active, rows, trace, folds } = this.scene;
    const stretch = active < 0 ? undefined : stretchOf(rows, trace, active, this.options.adjusted, folds);
    if (stretch) this.setView(around(stretch.from, stretch.to - stretch.from, this.whole));
  }

  // Hearing

  private listen(): void {
    const { stage, scene } = this;
    const stop = new AbortController();
    const { signal } = stop;
    this.stop.push(() => stop.abort());
    this.stop.push(
      listen(stage, {
        scene: () => scene,
        bounds: () => this.whole,
        press: (index, x, twice) => this.press(index, x, twice),
        hover: (index, time, x, y) => this.hover(index, time, x, y),
        setView: view => this.setView(view),
        zoomAt: (time, factor) => this.setView(zoom(scene.view, time, factor, this.whole)),
        panBy: share => this.setView(pan(scene.view, share, this.whole)),
        setLabelWidth: pixels => {
          scene.labelWidth = pixels;
          this.fitLabel();
          this.dirtyTop = true;
          this.request();
        },
      }),
    );
    stage.scroller.addEventListener(
      'scroll',
      () => {
        this.hover(-1, undefined, 0, 0);
        this.request();
        this.settleSoon();
      },
      { signal, passive: true },
    );
    stage.grid.addEventListener('keydown', event => this.onKey(event), { signal });
    for (const type of ['focus', 'blur'] as const) {
      stage.grid.addEventListener(
        type,
        () => {
          scene.focused = type === 'focus' && stage.grid.matches(':focus-visible');
          this.request();
        },
        { signal },
      );
    }
    const resized = new ResizeObserver(() => {
      if (!stage.measure()) return;
      this.fitLabel();
      stage.setRows(scene.rows.length);
      this.overviewDrawn = false;
      this.dirtyTop = true;
      // At once: a cleared canvas would flash.
      this.paint();
      this.settleSoon();
    });
    resized.observe(stage.scroller);
    this.stop.push(() => resized.disconnect());
  }

  /** Colours changed: read them anew. */
  restyle(theme: string): void {
    if (theme === this.theme) return;
    this.theme = theme;
    this.scene.palette = readPalette(this.stage.root);
    this.overviewDrawn = false;
    this.dirtyTop = true;
    this.request();
  }

  private onKey(event: KeyboardEvent): void {
    const command = gridKey(event);
    if (!command) return;
    event.preventDefault();
    event.stopPropagation();
    this.scene.focused = true;
    this.run(command);
  }

  private press(index: number, x: number, twice: boolean): void {
    const { rows, labelWidth } = this.scene;
    const left = indentOf(rows.level[index]!, labelWidth);
    this.focus();
    this.scene.focused = false;
    const onChevron = x >= left - 4 && x < left + 15 && rows.kind[index] !== RowKind.log;
    if (twice) {
      if (!onChevron && x > labelWidth) this.run('zoomToSpan');
      return;
    }
    this.activate(index, { quiet: onChevron });
    if (onChevron) this.toggle(index);
    else this.openActive();
  }

  private hover(index: number, time: number | undefined, x: number, y: number): void {
    const { scene, stage } = this;
    if (index === scene.hovered && time === scene.cursor) return;
    scene.hovered = index;
    scene.cursor = time;
    stage.scroller.style.cursor = index >= 0 && x <= scene.labelWidth ? 'pointer' : '';
    fillTip(stage, scene, index, x, y);
    this.dirtyTop = true;
    this.request();
  }

  private fitLabel(): void {
    const { scene, stage } = this;
    const most = Math.max(LABEL_WIDTH_MIN, stage.width * 0.6);
    scene.labelWidth = Math.round(Math.min(Math.max(scene.labelWidth, LABEL_WIDTH_MIN), most));
    stage.divider.style.left = `${scene.labelWidth - 4}px`;
    stage.divider.setAttribute('aria-valuenow', String(scene.labelWidth));
    stage.divider.setAttribute('aria-valuemin', String(LABEL_WIDTH_MIN));
    stage.divider.setAttribute('aria-valuemax', String(Math.round(most)));
  }

  // Painting

  private request(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { scene, stage } = this;
    scene.width = stage.width;
    scene.height = stage.height;
    scene.top = stage.top;
    if (scene.width === 0 || scene.height === 0) return;
    paintRows(stage.rows.pen, scene);
    if (this.dirtyTop) {
      this.dirtyTop = false;
      paintRuler(stage.ruler.pen, scene, stage.ruler.canvas.clientHeight);
      this.paintOverview();
      placeBrush(stage, scene.view, this.whole);
    }
    this.events.onPainted();
  }

  private paintOverview(): void {
    if (this.overviewDrawn) return;
    const { stage, scene } = this;
    const { canvas } = stage.minimap;
    const colours = minimapColours(scene.palette, scene.trace.service.values);
    const pixels = minimapPixels(scene.trace, this.whole, this.options.adjusted, canvas.width, canvas.height, colours);
    paintMinimap(stage.minimap.pen, pixels, canvas, scene.palette);
    this.overviewDrawn = true;
  }

  /** What is only needed at rest: the rows for screen readers, and what to fetch ahead. */
  private settleSoon(): void {
    clearTimeout(this.settle);
    this.settle = setTimeout(() => {
      const { scene, stage } = this;
      scene.top = stage.top;
      this.mirror.renew(scene);
      const first = Math.max(0, Math.floor(scene.top / ROW_HEIGHT) - 20);
      const last = Math.min(scene.rows.length - 1, Math.floor((scene.top + scene.height) / ROW_HEIGHT) + 20);
      const spans: number[] = [];
      for (let index = first; index <= last; index++) {
        if (scene.rows.kind[index] === RowKind.span) spans.push(scene.rows.ref[index]!);
      }
      this.events.onShown(spans);
    }, SETTLE_MS);
  }
}
