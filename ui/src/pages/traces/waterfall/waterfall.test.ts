import { describe, expect, it } from 'vitest';
import { extent, type Trace } from '../../../model/trace';
import { sketchTrace } from '../../../model/traceFixture';
import { gridKey, LETTERS } from './keys';
import { minimapPixels } from './minimap';
import { roundStep, tickLabel, ticks } from './ruler';
import { axisWidth, GUTTER, indentOf, timeOf, xOf } from './scene';
import { around, clamp, isWhole, pan, readZoom, VIEW_NANO_MIN, writeZoom, zoom } from './view';

const bounds = { from: 0, to: 1000 };

describe('the stretch of time on screen', () => {
  it('stays inside the trace', () => {
    expect(clamp({ from: -50, to: 100 }, bounds)).toEqual({ from: 0, to: 150 });
    expect(clamp({ from: 950, to: 1100 }, bounds)).toEqual({ from: 850, to: 1000 });
    expect(clamp({ from: -9, to: 2000 }, bounds)).toEqual(bounds);
  });

  it('keeps the moment under the pointer where it is', () => {
    const view = zoom({ from: 0, to: 1000 }, 250, 0.5, bounds);
    expect(view).toEqual({ from: 125, to: 625 });
    expect((250 - view.from) / (view.to - view.from)).toBe(0.25);
  });

  it('goes no nearer than can be told apart', () => {
    const view = zoom({ from: 400, to: 460 }, 430, 0.01, bounds);
    expect(view.to - view.from).toBe(VIEW_NANO_MIN);
    expect(isWhole(pan(bounds, 0.5, bounds), bounds)).toBe(true);
  });

  it('puts air around a span', () => {
    expect(around(400, 200, bounds)).toEqual({ from: 375, to: 625 });
  });

  it.each([
    [{ from: 12.5e6, to: 80e6 }, '12.5ms..80ms'],
    [{ from: 0, to: 3e9 }, '0s..3s'],
    [{ from: 1500, to: 2500 }, '1.5us..2.5us'],
  ])('stands readably in the address', (view, words) => {
    expect(writeZoom(view)).toBe(words);
    expect(readZoom(words)).toEqual(view);
  });

  it.each([undefined, '', '5ms', '9ms..2ms', 'a..b'])('takes nothing from %s', words => {
    expect(readZoom(words)).toBeUndefined();
  });
});

describe('the ruler', () => {
  it('has round steps', () => {
    expect([0.3, 3, 12, 50, 51].map(roundStep)).toEqual([1, 5, 20, 50, 100]);
  });

  it.each([
    [2e9, 500e6, '2.0 s'],
    [1.5e9, 500e6, '1.5 s'],
    [2e6, 1e6, '2 ms'],
    [20e6, 20e6, '20 ms'],
    [2500, 500, '2.5 µs'],
    [7, 1, '7 ns'],
    [120e9, 60e9, '2 min'],
    [0, 1e6, '0 ms'],
  ])('says %d at steps of %d', (nano, step, words) => {
    expect(tickLabel(nano, step)).toBe(words);
  });

  it('stays within the view and names no moment twice', () => {
    for (const length of [90, 1234, 5e5, 7e6, 3e9, 4e10, 3.6e12, 3.6e13]) {
      const list = ticks({ from: length / 3, to: (length * 4) / 3 }, 900);
      expect(list.length).toBeGreaterThan(2);
      expect(list.length).toBeLessThan(12);
      expect(new Set(list.map(tick => tick.label)).size).toBe(list.length);
      expect(list.every(tick => tick.at >= length / 3 && tick.at <= (length * 4) / 3)).toBe(true);
    }
  });
});

describe('places', () => {
  const scene = { view: { from: 100, to: 300 }, width: 1000 + 300 + GUTTER, labelWidth: 300 };

  it('of time and back', () => {
    expect(axisWidth(scene.width, scene.labelWidth)).toBe(1000);
    expect(xOf(100, scene)).toBe(300);
    expect(xOf(300, scene)).toBe(1300);
    expect(timeOf(xOf(217, scene), scene)).toBeCloseTo(217, 9);
  });

  it('of deep rows leave room for their names', () => {
    expect(indentOf(1, 400)).toBeGreaterThan(indentOf(0, 400));
    expect(indentOf(10_000, 400)).toBeLessThan(400 * 0.5);
  });
});

describe('the overview', () => {
  const colours = { services: Uint32Array.of(0xff111111, 0xff222222), error: 0xff0000ff };
  const trace = sketchTrace({
    name: 'root',
    service: 'web',
    took: 100,
    children: [
      { name: 'a', service: 'cart', at: 0, took: 50 },
      { name: 'b', service: 'cart', at: 50, took: 50, error: 'no' },
    ],
  });

  it('paints each span where and as long as it was', () => {
    const pixels = minimapPixels(trace, extent(trace, false), false, 10, 3, colours);
    expect([...pixels.subarray(0, 10)]).toEqual(Array(10).fill(0xff111111));
    expect([...pixels.subarray(10, 20)]).toEqual([...Array(5).fill(0xff222222), ...Array(5).fill(0)]);
    expect([...pixels.subarray(20, 30)]).toEqual([...Array(5).fill(0), ...Array(5).fill(0xff0000ff)]);
  });

  it('shows the failed span where many share a pixel', () => {
    const pixels = minimapPixels(trace, extent(trace, false), false, 10, 1, colours);
    expect([...pixels]).toEqual([...Array(5).fill(0xff111111), ...Array(5).fill(0xff0000ff)]);
  });

  it('takes a hundred thousand long spans without a rectangle for each', () => {
    const length = 100_000;
    const many: Trace = {
      ...trace,
      length,
      start: Float64Array.from({ length }, (_, row) => row % 50),
      duration: new Float64Array(length).fill(1000),
      skew: new Float64Array(length),
      failed: new Uint8Array(length),
      service: { codes: new Int32Array(length), values: ['web'] },
    };
    const times = [1, 2, 3].map(() => {
      const began = performance.now();
      minimapPixels(many, extent(many, false), false, 1440, 56, colours);
      return performance.now() - began;
    });
    expect(Math.min(...times)).toBeLessThan(100);
  });
});

describe('keys', () => {
  const press = (key: string, more: Partial<KeyboardEvent> = {}) =>
    gridKey({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });

  it('of a tree grid', () => {
    expect(press('ArrowRight')).toBe('open');
    expect(press('ArrowLeft', { shiftKey: true })).toBe('closeAll');
    expect(press('Enter')).toBe('details');
    expect(press('ArrowDown', { ctrlKey: true })).toBeUndefined();
    expect(press('j')).toBeUndefined();
  });

  it('have one meaning each', () => {
    expect(new Set(LETTERS.map(letter => letter.keys)).size).toBe(LETTERS.length);
  });
});
