/** The time axis and the overview above the rows. */

import { formatDuration } from '../../../model/format';
import type { Pen } from './paint';
import { fontOf, measured } from './paintLabel';
import type { Palette } from './palette';
import { ticks } from './ruler';
import { axisWidth, type Scene, xOf } from './scene';

export function paintRuler(pen: Pen, scene: Scene, height: number): void {
  const { palette, width, labelWidth } = scene;
  pen.fillStyle = palette.colour.sunken;
  pen.fillRect(0, 0, width, height);
  pen.textBaseline = 'middle';
  const middle = height / 2 + 0.5;
  pen.font = fontOf(scene, 11, '600');
  pen.fillStyle = palette.colour.muted;
  pen.fillText('Service and operation', 12, middle);
  pen.save();
  pen.beginPath();
  pen.rect(labelWidth, 0, width - labelWidth, height);
  pen.clip();
  pen.font = fontOf(scene, 11);
  for (const tick of ticks(scene.view, axisWidth(width, labelWidth))) {
    const x = Math.round(xOf(tick.at, scene));
    pen.fillStyle = palette.colour.line;
    pen.fillRect(x, 0, 1, height);
    pen.fillStyle = palette.colour.muted;
    pen.fillText(tick.label, x + 5, middle);
  }
  if (scene.cursor !== undefined) paintCursor(pen, scene, scene.cursor, height);
  pen.restore();
  pen.fillStyle = palette.colour.line;
  pen.fillRect(0, height - 1, width, 1);
  pen.fillRect(labelWidth - 1, 0, 1, height);
}

function paintCursor(pen: Pen, scene: Scene, time: number, height: number): void {
  const { palette } = scene;
  const x = Math.round(xOf(time, scene));
  const words = formatDuration(time);
  const width = measured(pen, words) + 10;
  const left = Math.min(x, scene.width - width);
  pen.fillStyle = palette.colour.text;
  pen.fillRect(left, 3, width, height - 6);
  pen.fillStyle = palette.colour.surface;
  pen.fillText(words, left + 5, height / 2 + 0.5);
}

export function paintMinimap(pen: Pen, pixels: Uint32Array, canvas: HTMLCanvasElement, palette: Palette): void {
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer as ArrayBuffer), canvas.width, canvas.height);
  // The pixels hold only bars: painted over the ground by way of a second canvas, since putImageData replaces.
  const bars = document.createElement('canvas');
  bars.width = canvas.width;
  bars.height = canvas.height;
  bars.getContext('2d')!.putImageData(image, 0, 0);
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = palette.colour.sunken;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bars, 0, 0);
  pen.restore();
}
