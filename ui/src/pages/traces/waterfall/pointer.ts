/** Mouse, pen and touch: click, drag a range of time, wheel, brush and divider. Speaks in rows and moments, knows no trace. */

import type { Extent } from '../../../model/trace';
import { ROW_HEIGHT, type Scene, timeOf } from './scene';
import type { Stage } from './stage';

export interface PointerTarget {
  scene(): Scene;
  bounds(): Extent;
  press(index: number, x: number, twice: boolean): void;
  hover(index: number, time: number | undefined, x: number, y: number): void;
  setView(view: Extent): void;
  zoomAt(time: number, factor: number): void;
  panBy(share: number): void;
  setLabelWidth(pixels: number): void;
}

/** As far as a click may slip. */
const SLIP = 5;

export function listen(stage: Stage, target: PointerTarget): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const at = (event: PointerEvent | WheelEvent | MouseEvent) => {
    const box = stage.scroller.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const rowAt = (y: number) => {
    const scene = target.scene();
    const index = Math.floor((scene.top + y) / ROW_HEIGHT);
    return index >= 0 && index < scene.rows.length ? index : -1;
  };

  const showRange = (from: number, to: number) => {
    const left = Math.max(Math.min(from, to), target.scene().labelWidth);
    stage.range.hidden = false;
    stage.range.style.left = `${left}px`;
    stage.range.style.width = `${Math.max(from, to) - left}px`;
  };

  /** Follows a drag along the axis; calls `done` with the range, or `click` when it did not move. */
  const dragRange = (event: PointerEvent, click?: () => void) => {
    const start = at(event);
    const source = event.currentTarget as HTMLElement;
    let moved = false;
    const drag = new AbortController();
    const move = (next: PointerEvent) => {
      const { x } = at(next);
      if (!moved && Math.abs(x - start.x) < SLIP) return;
      if (!moved) source.setPointerCapture(event.pointerId);
      moved = true;
      showRange(start.x, x);
    };
    const end = (next: PointerEvent) => {
      drag.abort();
      stage.range.hidden = true;
      if (next.type === 'pointercancel') return;
      if (!moved) {
        click?.();
        return;
      }
      const scene = target.scene();
      const times = [timeOf(start.x, scene), timeOf(at(next).x, scene)].sort((a, b) => a - b);
      target.setView({ from: times[0]!, to: times[1]! });
    };
    source.addEventListener('pointermove', move, { signal: drag.signal });
    source.addEventListener('pointerup', end, { signal: drag.signal });
    source.addEventListener('pointercancel', end, { signal: drag.signal });
  };

  stage.scroller.addEventListener(
    'pointerdown',
    event => {
      if (event.button !== 0) return;
      const { x, y } = at(event);
      // The scroll bar is the browser's.
      if (x >= stage.width) return;
      const index = rowAt(y);
      const press = () => index >= 0 && target.press(index, x, false);
      if (event.pointerType === 'mouse' && x > target.scene().labelWidth) dragRange(event, press);
      else if (event.pointerType === 'mouse') press();
    },
    { signal },
  );
  stage.scroller.addEventListener(
    'click',
    event => {
      // Touch scrolls by dragging, so it selects only on a tap.
      if ((event as PointerEvent).pointerType === 'mouse') return;
      const { x, y } = at(event);
      const index = rowAt(y);
      if (index >= 0 && event.detail > 0) target.press(index, x, false);
    },
    { signal },
  );
  stage.scroller.addEventListener(
    'dblclick',
    event => {
      const { x, y } = at(event);
      const index = rowAt(y);
      if (index >= 0) target.press(index, x, true);
    },
    { signal },
  );
  for (const element of [stage.scroller, stage.ruler.canvas]) {
    element.addEventListener(
      'pointermove',
      event => {
        const { x, y } = at(event);
        const scene = target.scene();
        const time = x >= scene.labelWidth && x < stage.width ? timeOf(x, scene) : undefined;
        target.hover(element === stage.scroller && x < stage.width ? rowAt(y) : -1, time, x, y);
      },
      { signal },
    );
    element.addEventListener('pointerleave', () => target.hover(-1, undefined, 0, 0), { signal });
  }
  stage.ruler.canvas.addEventListener(
    'pointerdown',
    event => {
      if (event.button === 0 && at(event).x > target.scene().labelWidth) dragRange(event);
    },
    { signal },
  );
  stage.ruler.canvas.addEventListener('dblclick', () => target.setView(target.bounds()), { signal });

  stage.root.addEventListener(
    'wheel',
    event => {
      const { x } = at(event);
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        target.zoomAt(timeOf(x, target.scene()), Math.exp(Math.max(-50, Math.min(50, event.deltaY)) / 100));
        return;
      }
      const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        event.preventDefault();
        target.panBy(sideways / 1000);
      }
    },
    { signal, passive: false },
  );

  brush(stage, target, signal);
  divider(stage, target, signal);
  return () => stop.abort();
}

/** The overview: drag to choose a range; drag the chosen one to move it, its ends to change it. */
function brush(stage: Stage, target: PointerTarget, signal: AbortSignal): void {
  const overview = stage.minimap.canvas.parentElement!;
  overview.addEventListener(
    'pointerdown',
    event => {
      if (event.button !== 0) return;
      event.preventDefault();
      const box = overview.getBoundingClientRect();
      const bounds = target.bounds();
      const time = (next: PointerEvent) =>
        bounds.from + ((next.clientX - box.left) / box.width) * (bounds.to - bounds.from);
      const view = target.scene().view;
      const start = time(event);
      const near = ((bounds.to - bounds.from) / box.width) * 6;
      const whole = view.from <= bounds.from && view.to >= bounds.to;
      const way = whole
        ? 'new'
        : Math.abs(start - view.from) < near
          ? 'from'
          : Math.abs(start - view.to) < near
            ? 'to'
            : start > view.from && start < view.to
              ? 'move'
              : 'new';
      overview.setPointerCapture(event.pointerId);
      let moved = false;
      const move = (next: PointerEvent) => {
        if (Math.abs(next.clientX - event.clientX) > 2) moved = true;
        if (!moved) return;
        const now = time(next);
        const shift = now - start;
        if (way === 'move') target.setView({ from: view.from + shift, to: view.to + shift });
        else {
          const fixed = way === 'from' ? view.to : way === 'to' ? view.from : start;
          target.setView({ from: Math.min(fixed, now), to: Math.max(fixed, now) });
        }
      };
      const drag = new AbortController();
      overview.addEventListener('pointermove', move, { signal: drag.signal });
      for (const end of ['pointerup', 'pointercancel'] as const) {
        overview.addEventListener(end, () => drag.abort(), { signal: drag.signal });
      }
    },
    { signal },
  );
  overview.addEventListener('dblclick', () => target.setView(target.bounds()), { signal });
}

/** Where the chosen range is drawn over the overview, as shares of its width. */
export function placeBrush(stage: Stage, view: Extent, bounds: Extent): void {
  const length = bounds.to - bounds.from;
  const left = (view.from - bounds.from) / length;
  const right = (view.to - bounds.from) / length;
  stage.brush.hidden = left <= 0 && right >= 1;
  stage.brush.style.left = `${left * 100}%`;
  stage.brush.style.width = `${(right - left) * 100}%`;
}

function divider(stage: Stage, target: PointerTarget, signal: AbortSignal): void {
  stage.divider.setAttribute('role', 'separator');
  stage.divider.setAttribute('aria-orientation', 'vertical');
  stage.divider.setAttribute('aria-label', 'Width of the names');
  stage.divider.tabIndex = 0;
  stage.divider.addEventListener(
    'pointerdown',
    event => {
      event.preventDefault();
      stage.divider.setPointerCapture(event.pointerId);
      const drag = new AbortController();
      stage.divider.addEventListener('pointermove', next => target.setLabelWidth(at(next)), { signal: drag.signal });
      const at = (next: PointerEvent) => next.clientX - stage.root.getBoundingClientRect().left;
      for (const end of ['pointerup', 'pointercancel'] as const) {
        stage.divider.addEventListener(end, () => drag.abort(), { signal: drag.signal });
      }
    },
    { signal },
  );
  stage.divider.addEventListener(
    'keydown',
    event => {
      const step = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      target.setLabelWidth(target.scene().labelWidth + step);
    },
    { signal },
  );
}
