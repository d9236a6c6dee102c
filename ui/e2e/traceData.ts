// Traces made for the stories of the trace page, sent as any exporter would send them: OTLP in JSON.

import { random } from '../dev/random';

type Value = string | number | boolean;

interface Sketch {
  service: string;
  name: string;
  kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** Milliseconds since the start of the trace. */
  at: number;
  took: number;
  error?: string;
  attributes?: Record<string, Value>;
  exception?: string;
  logs?: [number, 'INFO' | 'WARN' | 'ERROR', string][];
  /** Its parent is left out: it never arrives. */
  orphan?: boolean;
  children?: Sketch[];
}

const KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };
const SEVERITY = { INFO: 9, WARN: 13, ERROR: 17 };

const attributes = (values: Record<string, Value>) =>
  Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : { intValue: String(value) },
  }));

const resource = (service: string) => ({
  attributes: attributes({ 'service.name': service, 'service.version': '1.4.2', 'telemetry.sdk.language': 'nodejs' }),
});

async function send(otlpHttp: string, path: string, body: object): Promise<void> {
  const response = await fetch(`${otlpHttp}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
}

/** A checkout whose payment fails: eight services, equal siblings, logs, a queue, a parent that never comes. */
const CHECKOUT: Sketch = {
  service: 'web',
  name: 'POST /checkout',
  kind: 'server',
  at: 0,
  took: 1842,
  error: 'HTTP 502',
  attributes: { 'http.request.method': 'POST', 'http.route': '/checkout', 'http.response.status_code': 502 },
  logs: [[3, 'INFO', 'checkout started for session 81f2c with 3 items']],
  children: [
    {
      service: 'web',
      name: 'GET cart',
      kind: 'client',
      at: 11,
      took: 61,
      children: [
        {
          service: 'cart',
          name: 'GET /cart/{id}',
          kind: 'server',
          at: 14,
          took: 52,
          children: Array.from({ length: 14 }, (_, place) => ({
            service: 'cart',
            name: 'SELECT cart_items',
            kind: 'client' as const,
            at: 20 + place * 3,
            took: 1.4 + (place % 5) * 0.3,
            attributes: { 'db.system.name': 'sqlite', 'db.query.text': 'SELECT * FROM cart_items WHERE cart = ?' },
          })),
        },
      ],
    },
    {
      service: 'web',
      name: 'GET recommendations',
      kind: 'client',
      at: 74,
      took: 120,
      children: [
        {
          service: 'recommendations',
          name: 'recommend',
          kind: 'server',
          at: 76,
          took: 114,
          children: [
            {
              service: 'recommendations',
              name: 'POST search',
              kind: 'client',
              at: 80,
              took: 44,
              children: [{ service: 'search', name: 'similar products', kind: 'server', at: 82, took: 41 }],
            },
            { service: 'recommendations', name: 'model.score', at: 126, took: 60 },
          ],
        },
      ],
    },
    {
      service: 'web',
      name: 'POST checkout',
      kind: 'client',
      at: 198,
      took: 1629,
      error: 'HTTP 500',
      children: [
        {
          service: 'checkout',
          name: 'PlaceOrder',
          kind: 'server',
          at: 201,
          took: 1620,
          error: 'payment failed',
          logs: [
            [210, 'INFO', 'placing order 7731 for 3 items, total 184.20 EUR'],
            [1815, 'ERROR', 'order 7731 not placed: payment failed after 3 attempts'],
          ],
          children: [
            {
              service: 'checkout',
              name: 'ReserveStock',
              kind: 'client',
              at: 206,
              took: 96,
              children: [
                {
                  service: 'inventory',
                  name: 'ReserveStock',
                  kind: 'server',
                  at: 209,
                  took: 88,
                  children: Array.from({ length: 6 }, (_, place) => ({
                    service: 'inventory',
                    name: 'UPDATE stock',
                    kind: 'client' as const,
                    at: 212 + place * 13,
                    took: 6 + place,
                    attributes: { 'db.system.name': 'postgresql', 'server.address': 'stock-db' },
                  })),
                },
              ],
            },
            ...[306, 824, 1338].map((at, attempt) => ({
              service: 'checkout',
              name: 'Charge',
              kind: 'client' as const,
              at,
              took: 490,
              error: 'upstream deadline exceeded',
              ...(attempt < 2 && {
                logs: [
                  [at + 489, 'WARN', `payment attempt ${attempt + 1} of 3 failed: deadline exceeded`] as [
                    number,
                    'WARN',
                    string,
                  ],
                ],
              }),
              children: [
                {
                  service: 'payment',
                  name: 'Charge',
                  kind: 'server' as const,
                  at: at + 3,
                  took: 484,
                  error: 'bank timed out',
                  children: [
                    { service: 'payment', name: 'fraud.check', at: at + 5, took: 26 },
                    {
                      service: 'payment',
                      name: 'POST bank.example',
                      kind: 'client' as const,
                      at: at + 34,
                      took: 450,
                      error: 'read timeout after 450 ms',
                      exception: 'ReadTimeout',
                      attributes: {
                        'http.request.method': 'POST',
                        'server.address': 'bank.example',
                        'server.port': 443,
                        'payment.attempt': attempt + 1,
                      },
                      logs: [
                        [at + 484, 'ERROR', 'bank.example did not answer within 450 ms'] as [number, 'ERROR', string],
                      ],
                    },
                  ],
                },
              ],
            })),
          ],
        },
      ],
    },
    { service: 'worker', name: 'send receipt', kind: 'internal', at: 1830, took: 9, orphan: true },
  ],
};

type Id = { trace: string; span: string };

/** An order, the parcel that took it from a queue half a second later, and the mail that both led to: three traces. */
export async function sendStory(otlpHttp: string, ids: readonly [string, string, string]): Promise<void> {
  const start = BigInt(Date.now() - 90_000) * 1_000_000n;
  const time = (millis: number) => String(start + BigInt(Math.round(millis * 1e6)));
  const span = (service: string, id: Id, parent: string | undefined, rest: object, at: number, took: number) => ({
    resource: resource(service),
    scopeSpans: [
      {
        scope: { name: 'shop' },
        spans: [
          {
            traceId: id.trace,
            spanId: id.span,
            parentSpanId: parent,
            startTimeUnixNano: time(at),
            endTimeUnixNano: time(at + took),
            ...rest,
          },
        ],
      },
    ],
  });
  const id = (trace: string, place: number): Id => ({ trace, span: place.toString(16).padStart(16, 'b') });
  const [order, parcel, mail] = ids;
  const placed = id(order, 2);
  const packed = id(parcel, 3);
  const link = (to: Id) => ({ links: [{ traceId: to.trace, spanId: to.span }] });
  await send(otlpHttp, '/v1/traces', {
    resourceSpans: [
      span('web', id(order, 1), undefined, { name: 'POST /orders', kind: KIND.server }, 0, 140),
      span('web', placed, id(order, 1).span, { name: 'send orders', kind: KIND.producer }, 90, 12),
      span('warehouse', packed, undefined, { name: 'process orders', kind: KIND.consumer, ...link(placed) }, 640, 310),
      span('warehouse', id(parcel, 4), packed.span, { name: 'print label', kind: KIND.internal }, 700, 180),
      span('mail', id(mail, 5), undefined, { name: 'send mail', kind: KIND.consumer, ...link(packed) }, 1_120, 240),
    ],
  });
}

/** Sends the checkout as it was two minutes ago; returns once it is acknowledged. */
export async function sendCheckout(otlpHttp: string, traceId: string): Promise<void> {
  const start = BigInt(Date.now() - 120_000) * 1_000_000n;
  const time = (millis: number) => String(start + BigInt(Math.round(millis * 1e6)));
  const spans: Record<string, object[]> = {};
  const logs: Record<string, object[]> = {};
  let ids = 1;
  const add = (sketch: Sketch, parent: string | undefined): void => {
    const spanId = (ids++).toString(16).padStart(16, 'a');
    spans[sketch.service] ??= [];
    spans[sketch.service]!.push({
      traceId,
      spanId,
      parentSpanId: sketch.orphan ? 'dead00000000beef' : parent,
      name: sketch.name,
      kind: KIND[sketch.kind ?? 'internal'],
      startTimeUnixNano: time(sketch.at),
      endTimeUnixNano: time(sketch.at + sketch.took),
      attributes: attributes(sketch.attributes ?? {}),
      status: sketch.error ? { code: 2, message: sketch.error } : {},
      events: sketch.exception
        ? [
            {
              name: 'exception',
              timeUnixNano: time(sketch.at + sketch.took * 0.98),
              attributes: attributes({
                'exception.type': sketch.exception,
                'exception.message': sketch.error ?? '',
                'exception.stacktrace': `${sketch.exception}: no answer\n    at charge (bank.js:88)`,
              }),
            },
          ]
        : [],
    });
    for (const [at, severityText, body] of sketch.logs ?? []) {
      logs[sketch.service] ??= [];
      logs[sketch.service]!.push({
        traceId,
        spanId,
        timeUnixNano: time(at),
        severityNumber: SEVERITY[severityText],
        severityText,
        body: { stringValue: body },
      });
    }
    for (const child of sketch.children ?? []) add(child, spanId);
  };
  add(CHECKOUT, undefined);
  await send(otlpHttp, '/v1/traces', {
    resourceSpans: Object.entries(spans).map(([service, list]) => ({
      resource: resource(service),
      scopeSpans: [{ scope: { name: 'shop' }, spans: list }],
    })),
  });
  await send(otlpHttp, '/v1/logs', {
    resourceLogs: Object.entries(logs).map(([service, list]) => ({
      resource: resource(service),
      scopeLogs: [{ scope: { name: 'shop' }, logRecords: list }],
    })),
  });
}

const OPERATIONS = ['GET /items/{id}', 'SELECT items', 'cache.get', 'render', 'POST /events', 'compute'];
const REQUEST_SPANS = 5_000;

/** Sends one trace of `count` spans over 25 services, at most 15 deep, in requests of 5,000. */
export async function sendLarge(otlpHttp: string, traceId: string, count: number): Promise<void> {
  const chance = random(7);
  const length = 42_000_000_000;
  const start = BigInt(Date.now()) * 1_000_000n - BigInt(length) - 60_000_000_000n;
  interface Task {
    parent: number;
    depth: number;
    at: number;
    took: number;
    budget: number;
  }
  let lot: Record<string, object[]> = {};
  let inLot = 0;
  const flush = async () => {
    await send(otlpHttp, '/v1/traces', {
      resourceSpans: Object.entries(lot).map(([service, spans]) => ({
        resource: resource(service),
        scopeSpans: [{ spans }],
      })),
    });
    lot = {};
    inLot = 0;
  };
  const hex = (id: number) => id.toString(16).padStart(16, '0');
  const tasks: Task[] = [{ parent: 0, depth: 0, at: 0, took: length, budget: count }];
  let made = 0;
  while (tasks.length > 0) {
    const task = tasks.pop()!;
    const id = ++made;
    const service = task.depth === 0 ? 'gateway' : `service-${(task.depth * 2 + Math.floor(chance() * 3)) % 24}`;
    lot[service] ??= [];
    lot[service]!.push({
      traceId,
      spanId: hex(id),
      ...(task.parent > 0 && { parentSpanId: hex(task.parent) }),
      name: OPERATIONS[Math.floor(chance() * OPERATIONS.length)],
      kind: 1,
      startTimeUnixNano: String(start + BigInt(Math.round(task.at))),
      endTimeUnixNano: String(start + BigInt(Math.round(task.at + task.took))),
      ...(chance() < 0.004 && { status: { code: 2, message: 'broken pipe' } }),
    });
    if (++inLot >= REQUEST_SPANS) await flush();
    let left = task.budget - 1;
    const children = task.depth === 0 ? 200 : task.depth >= 14 ? left : Math.min(left, 1 + Math.floor(chance() * 7));
    const slot = task.took / Math.max(children, 1);
    for (let child = 0; child < children; child++) {
      const last = child === children - 1;
      const share = last ? left : Math.max(1, Math.round((left / (children - child)) * (0.6 + chance() * 0.8)));
      const budget = Math.min(share, left - (children - child - 1));
      left -= budget;
      tasks.push({
        parent: id,
        depth: task.depth + 1,
        at: task.at + slot * (child + chance() * 0.15),
        took: slot * (0.4 + chance() * 0.45),
        budget,
      });
    }
  }
  if (inLot > 0) await flush();
  if (made !== count) throw new Error(`made ${made} spans instead of ${count}`);
}
