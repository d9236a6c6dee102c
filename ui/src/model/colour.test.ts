import { expect, test } from 'vitest';
import { SERVICE_COLOURS, serviceColour } from './colour';

test('a service keeps its colour, and the demo has eight different ones', () => {
  const demo = ['web', 'search', 'recommendations', 'cart', 'checkout', 'payment', 'inventory', 'worker'];
  expect(new Set(demo.map(serviceColour)).size).toBe(demo.length);
  expect(serviceColour('cart')).toBe(serviceColour('cart'));
});

test('names spread over the whole palette', () => {
  const counts = new Array<number>(SERVICE_COLOURS).fill(0);
  for (let i = 0; i < 2000; i++) counts[serviceColour(`service-${i}`)]! += 1;
  for (const count of counts) expect(count).toBeGreaterThan(100);
});
