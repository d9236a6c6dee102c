// Colours as the tokens write them, in numbers: for the tests of the palette.

export type Rgb = [number, number, number];

export interface Token {
  light: string;
  dark: string;
}

/** `--name: light-dark(a, b);` of the style sheet. */
export function tokensOf(css: string): Map<string, Token> {
  const found = new Map<string, Token>();
  for (const [, name, value] of css.matchAll(/(--[\w-]+):\s*light-dark\(((?:[^()]|\([^()]*\))*)\);/g)) {
    const split = /^(.*?\)),\s*(.*)$/.exec(value!.trim());
    if (split) found.set(name!, { light: split[1]!, dark: split[2]! });
  }
  return found;
}

/** Linear light of `oklch(L C h)`, cut to what a screen can show. */
export function linear(colour: string): Rgb {
  const match = /^oklch\(([\d.]+) ([\d.]+) ([\d.]+)(?: \/ [\d.]+)?\)$/.exec(colour.trim());
  const plain = /^oklch\(([\d.]+) 0 0\)$/.exec(colour.trim());
  if (!match && !plain) throw new Error(`not an oklch colour: ${colour}`);
  const [L, C, h] = match
    ? [Number(match[1]), Number(match[2]), (Number(match[3]) * Math.PI) / 180]
    : [Number(plain![1]), 0, 0];
  const a = C * Math.cos(h);
  const b = C * Math.sin(h);
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const rgb: Rgb = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return rgb.map(value => Math.min(1, Math.max(0, value))) as Rgb;
}

/** WCAG 2 contrast of two colours. */
export function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [r, g, b] = linear(colour);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** What people with each kind of colour vision see (Machado and others, 2009, severity 1). */
export const VISIONS: Record<string, number[][]> = {
  all: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

/** Distance in OKLab as seen with a kind of vision. */
export function distance(one: string, other: string, vision: number[][]): number {
  const seen = (colour: string) => {
    const rgb = linear(colour);
    const [R, G, B] = vision.map(row =>
      Math.min(
        1,
        Math.max(
          0,
          row.reduce((sum, weight, i) => sum + weight * rgb[i]!, 0),
        ),
      ),
    ) as Rgb;
    const l = Math.cbrt(0.4122214708 * R + 0.5363325363 * G + 0.0514459929 * B);
    const m = Math.cbrt(0.2119034982 * R + 0.6806995451 * G + 0.1073969566 * B);
    const s = Math.cbrt(0.0883024619 * R + 0.2817188376 * G + 0.6299787005 * B);
    return [
      0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
      1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
      0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
    ];
  };
  const [a, b] = [seen(one), seen(other)];
  return Math.hypot(...a.map((value, i) => value - b[i]!));
}
