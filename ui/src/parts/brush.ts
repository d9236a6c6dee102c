// Dragging a box over a chart, or clicking one spot of it.

export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  /** The pointer did not move: a click. */
  click: boolean;
}

/** Listens on an element; `onMove` shows the box while it is drawn, and nothing when it ends. */
export function brush(
  element: HTMLElement,
  on: {
    move: (box: Box | undefined) => void;
    done: (box: Box) => void;
    hover: (x: number, y: number) => void;
    leave: () => void;
  },
): () => void {
  let start: { x: number; y: number } | undefined;
  const place = (event: PointerEvent) => {
    const rect = element.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  };
  const boxTo = (x: number, y: number): Box => ({
    x0: Math.min(start!.x, x),
    x1: Math.max(start!.x, x),
    y0: Math.min(start!.y, y),
    y1: Math.max(start!.y, y),
    click: Math.abs(start!.x - x) < 4 && Math.abs(start!.y - y) < 4,
  });
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    start = place(event);
    element.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent) => {
    const { x, y } = place(event);
    if (start) on.move(boxTo(x, y));
    else on.hover(x, y);
  };
  const up = (event: PointerEvent) => {
    if (!start) return;
    const { x, y } = place(event);
    const box = boxTo(x, y);
    start = undefined;
    on.move(undefined);
    on.done(box);
  };
  const cancel = () => {
    start = undefined;
    on.move(undefined);
    on.leave();
  };
  const leave = () => on.leave();
  element.addEventListener('pointerdown', down);
  element.addEventListener('pointermove', move);
  element.addEventListener('pointerup', up);
  element.addEventListener('pointercancel', cancel);
  element.addEventListener('pointerleave', leave);
  return () => {
    element.removeEventListener('pointerdown', down);
    element.removeEventListener('pointermove', move);
    element.removeEventListener('pointerup', up);
    element.removeEventListener('pointercancel', cancel);
    element.removeEventListener('pointerleave', leave);
  };
}
