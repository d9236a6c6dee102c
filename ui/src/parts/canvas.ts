// What every canvas needs: sharp pixels, and the colours of the tokens as the theme shows them.

/** Sizes the canvas for the screen's pixels; the context counts CSS pixels. */
export function prepare(
  canvas: HTMLCanvasElement,
): { context: CanvasRenderingContext2D; width: number; height: number } | undefined {
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext('2d');
  if (!context || width === 0 || height === 0) return undefined;
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Colours of custom properties as the element would show them: `light-dark()` is resolved by the browser. */
export function tokenColours<K extends string>(element: Element, names: readonly K[]): Record<K, string> {
  const probe = document.createElement('i');
  probe.style.display = 'none';
  element.parentElement?.append(probe);
  const colours = {} as Record<K, string>;
  for (const name of names) {
    probe.style.color = `var(${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return colours;
}

/** Calls back now and whenever the element's size changes. */
export function onResize(element: Element, paint: () => void): () => void {
  const observer = new ResizeObserver(paint);
  observer.observe(element);
  return () => observer.disconnect();
}
