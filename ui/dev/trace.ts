// One trace as the server would send it, for working on the trace page: a checkout where much goes wrong, and a very large one.

import { encodeTree } from '../src/api/traceFixture';

interface Node {
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

const START = 1_763_978_400_123_456_789n;
const MS = 1e6;

function repeat(count: number, make: (place: number) => Node): Node[] {
  return Array.from({ length: count }, (_, place) => ({ ...make(place), marks: place > 0 ? 128 : 0 }));
}

const checkout: Node = {
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

/** Mulberry32: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A batch of 200 requests, `count` spans over 25 services, not deeper than 15. */
function large(count: number): Node {
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

interface Row extends Node {
  id: string;
  parent: number;
  depth: number;
  size: number;
  critical: number;
}

/** Depth first without recursion. */
function flatten(root: Node): Row[] {
  const rows: Row[] = [];
  const stack: { node: Node; parent: number; depth: number }[] = [{ node: root, parent: -1, depth: 0 }];
  while (stack.length > 0) {
    const { node, parent, depth } = stack.pop()!;
    const row = rows.length;
    rows.push({
      ...node,
      id: (row + 0x5f0c91aa03d0).toString(16).padStart(16, '0'),
      parent,
      depth,
      size: 1,
      critical: 0,
    });
    for (const child of (node.children ?? []).toReversed()) stack.push({ node: child, parent: row, depth: depth + 1 });
  }
  for (let row = rows.length - 1; row > 0; row--) rows[rows[row]!.parent]!.size += rows[row]!.size;
  return rows;
}

interface Segment {
  row: number;
  from: number;
  to: number;
}

/** The child that ended last, from the end backwards. */
function criticalPath(rows: Row[]): Segment[] {
  const children: number[][] = rows.map(() => []);
  for (let row = 1; row < rows.length; row++) children[rows[row]!.parent]!.push(row);
  const segments: Segment[] = [];
  const work: Segment[] = [{ row: 0, from: 0, to: rows[0]!.took }];
  while (work.length > 0) {
    const { row, from, to } = work.pop()!;
    if (row < 0) {
      segments.push({ row: -row - 1, from, to });
      continue;
    }
    let until = to;
    for (const child of children[row]!.toSorted((a, b) => rows[b]!.at + rows[b]!.took - rows[a]!.at - rows[a]!.took)) {
      const end = Math.min(rows[child]!.at + rows[child]!.took, until);
      const start = Math.max(rows[child]!.at, from);
      if (start >= end || rows[child]!.at + rows[child]!.took > until) continue;
      if (until > end) work.push({ row: -row - 1, from: end, to: until });
      work.push({ row: child, from: start, to: end });
      until = start;
    }
    if (until > from) work.push({ row: -row - 1, from, to: until });
  }
  segments.sort((a, b) => a.from - b.from);
  for (const { row, from, to } of segments) rows[row]!.critical += to - from;
  return segments;
}

const made = new Map<string, { rows: Row[]; segments: Segment[]; summary: Record<string, unknown> }>();

/** Ids that start with `b16` are the large trace, `404` none; all others the checkout. */
function trace(id: string) {
  const key = id.startsWith('b16') ? 'large' : 'checkout';
  let found = made.get(key);
  if (!found) {
    const rows = flatten(key === 'large' ? large(100_000) : checkout);
    const services = [...new Set(rows.map(row => row.service).filter(Boolean))].map(name => ({
      name,
      spans: rows.filter(row => row.service === name).length,
      errors: rows.filter(row => row.service === name && row.error).length,
    }));
    const summary = {
      root_service: rows[0]!.service,
      root_name: rows[0]!.name,
      root_span_id: rows[0]!.id,
      root_status: rows[0]!.error ? 'error' : 'unset',
      start_time: time(0),
      duration_nano: rows[0]!.took,
      span_count: rows.filter(row => row.service).length,
      error_count: rows.filter(row => row.error).length,
      services: services.sort((a, b) => b.spans - a.spans),
    };
    found = { rows, segments: criticalPath(rows), summary };
    made.set(key, found);
  }
  return { ...found, summary: { trace_id: id, ...found.summary } };
}

function time(nano: number): string {
  const at = START + BigInt(Math.round(nano));
  return `${new Date(Number(at / 1_000_000n)).toISOString().slice(0, 19)}.${(at % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

const trees = new Map<string, Uint8Array>();

function tree(id: string): Uint8Array {
  const known = trees.get(id);
  if (known) return known;
  const { rows, summary } = trace(id);
  const sent = rows.map(row => ({
    ...row,
    start: row.at - (row.skew ?? 0),
    kind: row.kind ?? 'internal',
    logs: row.logs?.length ?? 0,
    errorLogs: row.logs?.filter(log => log[1] === 'error').length ?? 0,
  }));
  const warnings = id.startsWith('b16')
    ? []
    : [
        '1 parent never came (such as 00005f0c91aa040e): 1 span under placeholders',
        'the clock of inventory is about 120 ms behind, by 1 call',
        '1 span ended after the parent, by up to 10 ms (such as 00005f0c91aa0402)',
      ];
  const bytes = encodeTree(sent, { ...summary, start_unix_nano: START.toString() }, warnings);
  trees.set(id, bytes);
  return bytes;
}

function spans(id: string, wanted: string[]) {
  const { rows, summary } = trace(id);
  const found = rows.filter(row => wanted.includes(row.id));
  return {
    trace: summary,
    complete: true,
    warnings: [],
    spans: found.map(row => ({
      trace_id: id,
      span_id: row.id,
      parent_span_id: rows[row.parent]?.id,
      start_time: time(row.at),
      duration_nano: row.took,
      name: row.name,
      kind: row.kind ?? 'internal',
      status_code: row.error ? 'error' : 'unset',
      status_message: row.error,
      service_name: row.service,
      service_version: row.version,
      service_instance_id: `${row.service}-7c9f`,
      deployment_environment_name: 'production',
      scope_name: 'shop/http',
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': row.error ? 502 : 200,
        'http.route': '/charge',
        'server.address': 'bank.example',
        'server.port': 443,
        'url.full': 'https://bank.example/charge',
        'order.id': 7731,
        'payment.attempt': 1,
        'payment.retryable': true,
        'enduser.id': 'c-2291',
      },
      resource: {
        'service.name': row.service,
        'service.version': row.version ?? '',
        'host.name': 'node-3',
        'telemetry.sdk.language': 'rust',
      },
      scope: { name: 'shop/http', version: '1.0' },
      events: row.events
        ? [
            {
              name: 'exception',
              time: time(row.at + row.took * 0.97),
              attributes: {
                'exception.type': 'ReadTimeout',
                'exception.message': row.error ?? '',
                'exception.stacktrace':
                  'ReadTimeout: no answer\n  at bank.charge (bank.rs:88)\n  at payment.charge (charge.rs:41)',
              },
            },
          ]
        : [],
      links: [],
    })),
  };
}

function logs(id: string) {
  const { rows } = trace(id);
  const items = rows
    .flatMap(row => (row.logs ?? []).map(([at, severity, body]) => ({ row, at: at * MS, severity, body })))
    .sort((a, b) => a.at - b.at)
    .map(({ row, at, severity, body }, place) => ({
      id: String(place),
      time: time(at),
      severity_number: 9,
      severity,
      service_name: row.service,
      body,
      trace_id: id,
      span_id: row.id,
      attributes: {},
    }));
  return { items, cursor: null, total: { value: items.length, relation: 'eq' }, complete: true, warnings: [] };
}

function hops(id: string) {
  const { rows } = trace(id);
  const found = rows
    .map((row, at) => ({ row, at, caller: rows[row.parent] }))
    .filter(({ row, caller }) => caller?.service && row.service && caller.service !== row.service)
    .slice(0, 300);
  return {
    items: found.map(({ row, caller }, place) => ({
      hop: place + 1,
      depth: Math.max(1, Math.floor(row.depth / 2)),
      kind: 'rpc',
      pairing: 'kind',
      protocol: 'http',
      caller: { service: caller!.service, operation: caller!.name, span_id: caller!.id },
      callee: { service: row.service, operation: row.name, span_id: row.id, version: row.version },
      start: time(caller!.at),
      client_nano: caller!.took,
      server_nano: row.took,
      network_nano: Math.max(0, caller!.took - row.took),
      self_nano: row.took / 3,
      critical_nano: row.critical,
      attempt: 1,
      status: row.error ? 'error' : 'ok',
      is_first_cause: false,
      log_count: row.logs?.length ?? 0,
    })),
    defects: [],
  };
}

function why(id: string) {
  const { rows } = trace(id);
  const cause = rows.find(row => (row.marks ?? 0) & 8);
  if (!cause)
    return {
      verdict: 'too_few',
      headline: 'Too few requests of this kind to compare with.',
      duration_nano: rows[0]!.took,
    };
  return {
    verdict: 'slow_and_failed',
    headline:
      '1.84 s, usually 0.31 s: 91 % of the excess is hop 6, payment → bank.example, which timed out three times.',
    duration_nano: rows[0]!.took,
    usual_nano: 310e6,
    compared_with: 4812,
    first_cause: { span_id: cause.id, service_name: cause.service, name: cause.name, message: cause.error },
    first_seen: { service: 'payment', version: '1.4.2', time: time(0) },
    alike: 212,
    excess: [],
    missing_hops: [],
    warnings: [],
  };
}

/** The body and its type; nothing for what is not about one trace. */
export function traceAnswer(
  path: string,
  params: URLSearchParams,
): { type: string; body: Uint8Array | string } | undefined {
  const [, id, rest = ''] = /^\/api\/v1\/traces\/([0-9a-f]{32})(?:\/([a-z-]+))?$/.exec(path) ?? [];
  if (!id || id.startsWith('404')) return undefined;
  const json = (value: unknown) => ({ type: 'application/json', body: JSON.stringify(value) });
  if (rest === '' && params.get('view') === 'tree')
    return { type: 'application/vnd.apache.arrow.stream', body: tree(id) };
  if (rest === '')
    return json(
      spans(
        id,
        (
          params.get('span') ??
          trace(id)
            .rows.map(row => row.id)
            .join(',')
        ).split(','),
      ),
    );
  if (rest === 'logs') return json(logs(id));
  if (rest === 'hops') return json(hops(id));
  if (rest === 'why') return json(why(id));
  if (rest === 'critical-path') {
    const { rows, segments } = trace(id);
    const items = segments.map(({ row, from, to }) => ({
      span_id: rows[row]!.id,
      service_name: rows[row]!.service,
      name: rows[row]!.name,
      start_nano: from,
      nano: to - from,
    }));
    return json({ items, total_nano: rows[0]!.took });
  }
  return undefined;
}
