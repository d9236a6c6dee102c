// The traces of the made-up server: a checkout where much goes wrong, and a very large one.

import { random } from './random';

export interface Node {
  service: string;
  name: string;
  kind?: string;
  at: number;
  took: number;
  error?: string;
  marks?: number;
  version?: string;
  skew?: number;
  logs?: [number, string, string][];
  events?: number;
  children?: Node[];
}

export const START = 1_763_978_400_123_456_789n;
export const MS = 1e6;

function repeat(count: number, make: (place: number) => Node): Node[] {
  return Array.from({ length: count }, (_, place) => ({ ...make(place), marks: place > 0 ? 128 : 0 }));
}

export const checkout: Node = {
  service: 'web',
  name: 'POST /checkout',
  kind: 'server',
  version: '3.2.0',
  at: 0,
  took: 1842 * MS,
  error: 'HTTP 502',
  marks: 16,
  logs: [[3, 'info', 'checkout started for session 81f2c with 3 items']],
  children: [
    {
      service: 'web',
      name: 'session.load',
      at: 2 * MS,
      took: 6.4 * MS,
      children: [{ service: 'redis', name: 'GET session:81f2c', kind: 'client', at: 2.6 * MS, took: 1.1 * MS }],
    },
    {
      service: 'web',
      name: 'GET cart',
      kind: 'client',
      at: 11 * MS,
      took: 61 * MS,
      children: [
        {
          service: 'cart',
          name: 'GET /cart/{id}',
          kind: 'server',
          version: '1.9.4',
          at: 14 * MS,
          took: 52 * MS,
          logs: [[20, 'debug', 'cart 81f2c has 3 items']],
          children: [
            { service: 'cart', name: 'SELECT carts', kind: 'client', at: 16 * MS, took: 9 * MS },
            ...repeat(14, place => ({
              service: 'cart',
              name: 'SELECT cart_items',
              kind: 'client',
              at: (26 + place * 2.6) * MS,
              took: (1.4 + (place % 5) * 0.4) * MS,
            })),
          ],
        },
      ],
    },
    {
      service: 'web',
      name: 'GET recommendations',
      kind: 'client',
      at: 74 * MS,
      took: 120 * MS,
      children: [
        {
          service: 'recommendations',
          name: 'recommend',
          kind: 'server',
          version: '0.7.1',
          at: 76 * MS,
          took: 114 * MS,
          children: [
            { service: 'recommendations', name: 'model.score', at: 80 * MS, took: 98 * MS },
            { service: 'search', name: 'similar products', kind: 'server', at: 82 * MS, took: 41 * MS },
          ],
        },
      ],
    },
    {
      service: 'web',
      name: 'POST checkout',
      kind: 'client',
      at: 198 * MS,
      took: 1629 * MS,
      error: 'HTTP 500',
      marks: 16,
      children: [
        {
          service: 'checkout',
          name: 'PlaceOrder',
          kind: 'server',
          version: '2.4.1',
          at: 201 * MS,
          took: 1620 * MS,
          error: 'payment failed',
          marks: 16,
          logs: [
            [210, 'info', 'placing order 7731 for 3 items, total 184.20 EUR'],
            [1815, 'error', 'order 7731 not placed: payment failed after 3 attempts'],
          ],
          children: [
            {
              service: 'checkout',
              name: 'ReserveStock',
              kind: 'client',
              at: 206 * MS,
              took: 96 * MS,
              children: [
                {
                  service: 'inventory',
                  name: 'ReserveStock',
                  kind: 'server',
                  version: '5.0.2',
                  at: 209 * MS,
                  took: 88 * MS,
                  skew: 120 * MS,
                  children: [
                    {
                      service: 'inventory',
                      name: 'BEGIN',
                      kind: 'client',
                      at: 210 * MS,
                      took: 0.4 * MS,
                      skew: 120 * MS,
                    },
                    ...repeat(6, place => ({
                      service: 'inventory',
                      name: 'UPDATE stock',
                      kind: 'client',
                      skew: 120 * MS,
                      at: (212 + place * 12.6) * MS,
                      took: (6 + place * 0.9) * MS,
                    })),
                    {
                      service: 'inventory',
                      name: 'COMMIT',
                      kind: 'client',
                      at: 288 * MS,
                      took: 7.2 * MS,
                      skew: 120 * MS,
                    },
                  ],
                },
              ],
            },
            {
              service: 'checkout',
              name: 'Charge',
              kind: 'client',
              at: 306 * MS,
              took: 498 * MS,
              error: 'upstream deadline exceeded',
              marks: 16,
              logs: [[800, 'warn', 'payment attempt 1 of 3 failed: deadline exceeded, retrying in 20 ms']],
              children: [
                {
                  service: 'payment',
                  name: 'Charge',
                  kind: 'server',
                  version: '1.4.2',
                  at: 309 * MS,
                  took: 491 * MS,
                  error: 'bank timed out',
                  marks: 16,
                  events: 1,
                  children: [
                    { service: 'payment', name: 'fraud.check', at: 312 * MS, took: 31 * MS },
                    {
                      service: 'payment',
                      name: 'POST bank.example/charge',
                      kind: 'client',
                      at: 346 * MS,
                      took: 451 * MS,
                      error: 'read timeout after 450 ms',
                      marks: 8,
                      events: 1,
                      logs: [
                        [352, 'info', 'charging card •••• 4242, 184.20 EUR'],
                        [796, 'error', 'bank.example did not answer within 450 ms'],
                      ],
                    },
                  ],
                },
              ],
            },
            {
              service: 'checkout',
              name: 'Charge',
              kind: 'client',
              at: 824 * MS,
              took: 493 * MS,
              error: 'upstream deadline exceeded',
              marks: 16,
              logs: [[1316, 'warn', 'payment attempt 2 of 3 failed: deadline exceeded, retrying in 20 ms']],
              children: [
                {
                  service: 'payment',
                  name: 'Charge',
                  kind: 'server',
                  version: '1.4.2',
                  at: 827 * MS,
                  took: 487 * MS,
                  error: 'bank timed out',
                  marks: 16,
                  children: [
                    { service: 'payment', name: 'fraud.check', at: 830 * MS, took: 29 * MS },
                    {
                      service: 'payment',
                      name: 'POST bank.example/charge',
                      kind: 'client',
                      at: 862 * MS,
                      took: 450 * MS,
                      error: 'read timeout after 450 ms',
                      logs: [[1312, 'error', 'bank.example did not answer within 450 ms']],
                    },
                  ],
                },
              ],
            },
            {
              service: 'checkout',
              name: 'Charge',
              kind: 'client',
              at: 1338 * MS,
              took: 474 * MS,
              error: 'upstream deadline exceeded',
              marks: 16,
              children: [
                {
                  service: 'payment',
                  name: 'Charge',
                  kind: 'server',
                  version: '1.4.2',
                  at: 1341 * MS,
                  took: 468 * MS,
                  error: 'bank timed out',
                  marks: 16,
                  children: [
                    { service: 'payment', name: 'fraud.check', at: 1344 * MS, took: 12 * MS },
                    {
                      service: 'payment',
                      name: 'POST bank.example/charge',
                      kind: 'client',
                      at: 1357 * MS,
                      took: 450 * MS,
                      error: 'read timeout after 450 ms',
                    },
                  ],
                },
              ],
            },
            { service: 'checkout', name: 'orders publish', kind: 'producer', at: 1812 * MS, took: 3.1 * MS },
          ],
        },
      ],
    },
    {
      service: '',
      name: 'missing parent 5f0c91aa03d2e817',
      at: 1821 * MS,
      took: 16 * MS,
      marks: 1,
      children: [
        {
          service: 'worker',
          name: 'orders process',
          kind: 'consumer',
          version: '1.1.0',
          at: 1821 * MS,
          took: 16 * MS,
          marks: 2,
          children: [{ service: 'worker', name: 'send receipt', at: 1823 * MS, took: 9 * MS, marks: 4 }],
        },
      ],
    },
  ],
};

/** A batch of 200 requests, `count` spans over 25 services, not deeper than 15. */
export function large(count: number): Node {
  const rnd = random(7);
  const names = ['GET /items/{id}', 'SELECT items', 'cache.get', 'render', 'POST /events', 'compute'];
  const make = (at: number, took: number, depth: number, budget: number): Node => {
    const node: Node = {
      service: depth === 0 ? 'gateway' : `service-${Math.floor(rnd() * 3) + depth}`,
      name: names[Math.floor(rnd() * names.length)]!,
      kind: 'internal',
      at,
      took,
      ...(rnd() < 0.004 && { error: 'broken pipe' }),
      children: [],
    };
    const wish = depth === 0 ? 200 : Math.min(budget - 1, depth >= 14 ? budget - 1 : 1 + Math.floor(rnd() * 7));
    let left = budget - 1;
    for (let child = 0; child < wish; child++) {
      const share = child === wish - 1 ? left : Math.max(1, Math.round((left / (wish - child)) * (0.6 + rnd() * 0.8)));
      left -= share;
      const slot = took / wish;
      node.children!.push(make(at + slot * (child + rnd() * 0.15), slot * (0.4 + rnd() * 0.45), depth + 1, share));
    }
    return node;
  };
  return make(0, 42e9, 0, count);
}
