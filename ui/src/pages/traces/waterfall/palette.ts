/** The tokens of style/tokens.css as the canvas needs them, read anew when the theme changes. */

import { SERVICE_COLOURS, serviceColour } from '../../../model/colour';
import type { MinimapColours } from './minimap';

const TOKENS = [
  'ground',
  'surface',
  'sunken',
  'hover',
  'selected',
  'line',
  'edge',
  'text',
  'muted',
  'accent',
  'error',
  'error-soft',
  'warn',
  'severity-debug',
  'severity-info',
  'severity-warn',
  'severity-error',
] as const;
export type Token = (typeof TOKENS)[number];

export interface Palette {
  colour: Record<Token, string>;
  services: string[];
  font: string;
  dark: boolean;
}

/** With forced colours, the system's own are all there is. */
const FORCED: Partial<Record<Token, string>> = {
  ground: 'Canvas',
  surface: 'Canvas',
  sunken: 'Canvas',
  hover: 'Canvas',
  selected: 'SelectedItem',
  text: 'CanvasText',
  muted: 'CanvasText',
  accent: 'Highlight',
  error: 'CanvasText',
  line: 'GrayText',
  edge: 'CanvasText',
};

export function readPalette(host: HTMLElement): Palette {
  const forced = matchMedia('(forced-colors: active)').matches;
  // `light-dark()` is only resolved where a property uses it, so a probe wears each colour once.
  const probe = document.createElement('span');
  probe.style.display = 'none';
  probe.style.forcedColorAdjust = 'none';
  host.append(probe);
  const read = (value: string) => {
    probe.style.color = value;
    return getComputedStyle(probe).color;
  };
  const colour = Object.fromEntries(
    TOKENS.map(token => [token, read((forced && FORCED[token]) || `var(--${token})`)]),
  ) as Record<Token, string>;
  const services = Array.from({ length: SERVICE_COLOURS }, (_, index) =>
    read(forced ? 'CanvasText' : `var(--service-${index})`),
  );
  const font = getComputedStyle(host).fontFamily;
  const dark = luminance(colour.surface) < luminance(colour.text);
  probe.remove();
  return { colour, services, font, dark };
}

/** Bytes of any colour the browser knows, by painting one pixel of it. */
function bytes(colours: string[]): Uint8ClampedArray {
  const canvas = document.createElement('canvas');
  canvas.width = colours.length;
  canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  for (const [index, colour] of colours.entries()) {
    context.fillStyle = colour;
    context.fillRect(index, 0, 1, 1);
  }
  return context.getImageData(0, 0, colours.length, 1).data;
}

function luminance(colour: string): number {
  const [red, green, blue] = bytes([colour]);
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** One number per service of this trace, in its dictionary's order. */
export function minimapColours(palette: Palette, services: string[]): MinimapColours {
  const all = new Uint32Array(bytes([...palette.services, palette.colour.error]).buffer);
  return {
    services: Uint32Array.from(services, name => all[serviceColour(name)]!),
    error: all[SERVICE_COLOURS]!,
  };
}
