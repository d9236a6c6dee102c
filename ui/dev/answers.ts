// A small shop's telemetry, the same at every call: what the endpoints would answer.

import { random } from './random';

type Answer = Record<string, unknown> | undefined;

const SERVICES = ['web', 'search', 'recommendations', 'cart', 'checkout', 'payment', 'inventory', 'worker'];
const ROUTES = ['GET /', 'GET /search', 'GET /product/{id}', 'POST /cart', 'POST /checkout', 'GET /orders/{id}'];
const BODIES = [
  'order placed for 3 items',
  'card declined by the bank: insufficient funds',
  'cache miss for product 4711, asking the database',
  'retrying call to payment, attempt 2 of 3',
  'connection pool exhausted: 20 of 20 in use, waited 1.2 s',
  'search for "blue shoes" found 42 products',
  'stock of 4711 is 3',
];
const SEVERITY = ['info', 'error', 'debug', 'warn', 'error', 'info', 'info'];

const time = (millis: number) => `${new Date(millis).toISOString().slice(0, -1)}000000Z`;
const hex = (rnd: () => number, digits: number) =>
  Array.from({ length: digits }, () => Math.floor(rnd() * 16).toString(16)).join('');

function traces(now: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const rnd = random(i + 1);
    const errors = rnd() < 0.12 ? 1 + Math.floor(rnd() * 3) : 0;
    const names = SERVICES.filter((_, at) => at === 0 || rnd() < 0.55);
    return {
      trace_id: hex(rnd, 32),
      root_service: 'web',
      root_name: ROUTES[Math.floor(rnd() * ROUTES.length)],
      root_span_id: hex(rnd, 16),
      root_status: errors ? 'error' : 'unset',
      start_time: time(now - i * 37_000 - rnd() * 9_000),
      duration_nano: Math.round(10 ** (6.6 + rnd() * 1.6 + (errors ? 0.9 : 0))),
      span_count: names.length * 3 + Math.floor(rnd() * 6),
      error_count: errors,
      services: names.map((name, at) => ({
        name,
        spans: 6 - Math.min(5, at),
        errors: errors && at === names.length - 1 ? errors : 0,
      })),
      matched_spans: 1 + Math.floor(rnd() * 4),
    };
  });
}

function logs(now: number, count: number, seed = 0) {
  return Array.from({ length: count }, (_, i) => {
    const rnd = random(i * 7 + seed);
    const which = Math.floor(rnd() * BODIES.length);
    return {
      id: String(900_000_000 - i),
      time: time(now - i * 4_100 - rnd() * 900),
      severity_number: 9,
      severity: SEVERITY[which],
      service_name: SERVICES[Math.floor(rnd() * SERVICES.length)],
      service_version: '1.4.2',
      body: BODIES[which],
      trace_id: hex(rnd, 32),
      span_id: hex(rnd, 16),
      attributes: { 'order.id': Math.floor(rnd() * 9000), 'customer.tier': 'gold' },
      resource: { 'service.name': 'cart', 'service.instance.id': 'cart-1' },
    };
  });
}

const list = (items: unknown[], value = items.length) => ({
  items,
  cursor: null,
  total: { value, relation: 'eq' },
  complete: true,
  warnings: [],
});

const services = (now: number) =>
  SERVICES.map((name, i) => {
    const rnd = random(i + 50);
    const spans = Math.floor(2000 + rnd() * 60_000);
    return {
      name,
      environment: 'demo',
      versions: i === 5 ? ['1.4.1', '1.4.2'] : ['1.4.1'],
      span_count: spans,
      error_count: i === 5 ? Math.floor(spans * 0.08) : i === 4 ? Math.floor(spans * 0.03) : i % 3 ? 0 : 4,
      p50_nano: Math.round(4e6 + rnd() * 2e7),
      p95_nano: Math.round(5e7 + rnd() * 2e8),
      p99_nano: Math.round(2e8 + rnd() * 1e9),
      log_count: Math.floor(rnd() * 9000),
      first_seen: time(now - 3.6e6),
      last_seen: time(now - 2000),
    };
  });

const edges = [
  ['web', 'search', 'rpc'],
  ['web', 'recommendations', 'rpc'],
  ['web', 'cart', 'rpc'],
  ['web', 'checkout', 'rpc'],
  ['checkout', 'cart', 'rpc'],
  ['checkout', 'payment', 'rpc'],
  ['checkout', 'inventory', 'rpc'],
  ['checkout', 'orders', 'message'],
  ['orders', 'worker', 'message'],
  ['payment', 'bank.example', 'external'],
  ['inventory', 'sqlite', 'db'],
  ['search', 'sqlite', 'db'],
].map(([caller, callee, kind], i) => ({
  caller,
  callee,
  kind,
  count: 900 + i * 321,
  error_count: callee === 'payment' ? 77 : 0,
  p50_nano: 4e6 + i * 1e6,
  p95_nano: 4e7 + i * 1e7,
  p99_nano: 2e8,
}));

/** Where the bytes would go. */
function sizes(now: number) {
  const dataset = (name: string, rows: number, perRow: number, index: number) => ({
    dataset: name,
    blocks: 14,
    rows,
    bytes: rows * perRow,
    index_bytes: Math.round(rows * perRow * index),
    bytes_per_row: perRow,
    oldest: time(now - 6 * 86_400_000),
    newest: time(now),
  });
  const datasets = [dataset('spans', 1_204_000, 44, 0.07), dataset('logs', 830_000, 56, 0.41)];
  return {
    bytes: datasets.reduce((sum, one) => sum + one.bytes, 0),
    datasets,
    services: SERVICES.map((service, i) => ({ service, dataset: 'spans', rows: 400_000 >> i, bytes: 17_600_000 >> i })),
    attributes: ['http.request.header.user_agent', 'db.query.text', 'shop.order.id'].map((attribute, i) => ({
      dataset: 'spans',
      attribute,
      bytes: 6_200_000 >> i,
      percent: 11 >> i,
    })),
    advice: ['http.request.header.user_agent of spans takes 6 % of all bytes: drop it where it is not searched for'],
  };
}

export function answer(path: string, params: URLSearchParams, now: number): Answer {
  const at = path.replace('/api/v1', '');
  const empty = params.get('q')?.includes('nothing');
  const rnd = random(9);
  if (at === '/status') {
    const counts = { spans: 91_204, logs: 40_310, metrics: 18_220 };
    return {
      version: '0.1.0',
      now: time(now),
      started: time(now - 5.2e6),
      complete: true,
      endpoints: { otlp_grpc: '127.0.0.1:4317', otlp_http: '127.0.0.1:4318', http: '127.0.0.1:4300' },
      newest: process.env.EMPTY
        ? { spans: null, logs: null, metrics: null }
        : { spans: time(now), logs: time(now), metrics: null },
      sizes: sizes(now),
      storage: { block_rows: 120_000, live_rows: 29_734, block_bytes: 6_100_000, wal_bytes: 1_200_000 },
      ingest: {
        accepted: process.env.EMPTY ? { spans: 0, logs: 0, metrics: 0 } : counts,
        rejected: { spans: 2, logs: 0, metrics: 0 },
        connections: 3,
        duplicate_requests: 0,
        exporters: process.env.EMPTY
          ? []
          : SERVICES.map((service, i) => ({
              service,
              sdk: 'opentelemetry rust 0.33.0',
              address: '127.0.0.1',
              transport: i % 3 ? 'http/protobuf' : 'grpc',
              last_seen: time(now - 900 * (i + 1)),
              accepted: { spans: 9000 + i * 700, logs: 3000, metrics: 900 },
              rejected: { spans: i === 5 ? 2 : 0, logs: 0, metrics: 0 },
              refused_requests: 0,
              last_reason: i === 5 ? 'span ends before it starts' : '',
            })),
        errors: process.env.EMPTY
          ? []
          : [
              {
                time: time(now - 61_000),
                address: '127.0.0.1:53211',
                transport: 'http/json',
                message: 'body is not JSON: expected value at line 1 column 1',
              },
            ],
        redaction: [{ name: 'authorization', action: 'replace', redacted: 12 }],
      },
      auth: { token_needed: false },
    };
  }
  if (at === '/queries') {
    const running = [
      ['/api/v1/sql', 'select service_name, count(*) from spans group by 1', 'working', 48, 31],
      ['/api/v1/traces', 'service:checkout duration:>500ms', 'waiting', 0, 0],
    ] as const;
    return list(
      running.map(([path, asked, state, parts, done], i) => ({
        id: `q-${i}`,
        path,
        asked,
        state,
        started: time(now - 2_400),
        elapsed_nano: 2_400_000_000 / (i + 1),
        parts,
        parts_done: done,
        rows_scanned: done * 32_768,
      })),
    );
  }
  if (at === '/test-trace') return { trace_id: hex(rnd, 32) };
  if (at === '/traces') return empty ? list([]) : list(traces(now, 60), 4_312);
  if (at === '/logs') return empty ? list([]) : list(logs(now, 200, now % 50), 38_114);
  if (at === '/traces/facets' || at === '/logs/facets') {
    return {
      items: [
        { field: 'service', values: SERVICES.map((value, i) => ({ value, count: 4000 - i * 470 })), more: false },
        {
          field: at === '/logs/facets' ? 'severity' : 'status',
          values: (at === '/logs/facets' ? ['info', 'debug', 'warn', 'error'] : ['unset', 'ok', 'error']).map(
            (value, i) => ({ value, count: 3000 / (i + 1) }),
          ),
          more: false,
        },
        { field: 'http.route', values: ROUTES.map((value, i) => ({ value, count: 900 - i * 120 })), more: true },
        {
          field: 'version',
          values: [
            { value: '1.4.1', count: 3300 },
            { value: '1.4.2', count: 812 },
          ],
          more: false,
        },
      ],
    };
  }
  if (at === '/traces/histogram') {
    const items = [];
    for (let x = 0; x < 60; x++) {
      for (let y = 0; y < 24; y++) {
        const count = Math.floor(
          Math.exp(-(((y - 9 - 3 * Math.sin(x / 9)) / 3.2) ** 2)) * 34 * rnd() + (rnd() < 0.03 ? 2 : 0),
        );
        if (count) {
          items.push({
            time: time(now - (60 - x) * 60_000),
            duration_min_nano: Math.round(10 ** (6 + y / 7)),
            duration_max_nano: Math.round(10 ** (6 + (y + 1) / 7)),
            count,
            errors: y > 14 && rnd() < 0.4 ? 1 : 0,
          });
        }
      }
    }
    return { bucket_nano: 60e9, items, complete: true, warnings: [] };
  }
  if (at === '/logs/histogram') {
    const items = Array.from({ length: 60 }, (_, x) => ({
      time: time(now - (60 - x) * 60_000),
      counts: {
        info: Math.floor(300 + 200 * Math.sin(x / 6) + rnd() * 80),
        debug: Math.floor(rnd() * 90),
        warn: Math.floor(rnd() * 30),
        error: x > 38 && x < 46 ? 90 : Math.floor(rnd() * 8),
      },
    }));
    return { bucket_nano: 60e9, items, total: { value: 38_114, relation: 'eq' }, complete: true, warnings: [] };
  }
  if (at === '/logs/patterns') {
    return {
      items: BODIES.map((body, i) => ({
        pattern: body.replace(/\d+/g, '<n>'),
        count: 9000 - i * 1200,
        first: time(now - 3.4e6),
        last: time(now - 4000),
        severity: SEVERITY[i],
      })),
    };
  }
  if (at === '/logs/context') return { items: logs(now, 41).reverse(), index: 20 };
  if (at === '/services') return list(services(now));
  if (at === '/map') {
    return {
      nodes: [
        ...services(now).map(one => ({ ...one, kind: 'service' })),
        { name: 'orders', kind: 'queue', span_count: 900, error_count: 0, p50_nano: 1e6, p95_nano: 9e6 },
        { name: 'bank.example', kind: 'external', span_count: 1200, error_count: 30, p50_nano: 2e8, p95_nano: 9e8 },
        { name: 'sqlite', kind: 'database', span_count: 5000, error_count: 0, p50_nano: 1e6, p95_nano: 3e7 },
      ],
      edges,
      complete: true,
    };
  }
  if (at === '/errors') {
    return list(
      ['card declined', 'connection pool exhausted', 'deadline exceeded after 2 s'].map((message, i) => ({
        service_name: ['payment', 'inventory', 'checkout'][i],
        name: ROUTES[i + 2],
        exception_type: ['CardDeclined', 'PoolTimeout', 'DeadlineExceeded'][i],
        message,
        count: 120 - i * 44,
        first: time(now - 3e6),
        last: time(now - 20_000 * (i + 1)),
        sample_trace_id: hex(rnd, 32),
      })),
    );
  }
  if (at === '/sql') {
    const rows = services(now).map(one => ({ service_name: one.name, spans: one.span_count, p95: one.p95_nano }));
    return {
      columns: [
        { name: 'service_name', type: 'Utf8' },
        { name: 'spans', type: 'Int64' },
        { name: 'p95', type: 'Int64' },
      ],
      rows,
      stats: { elapsed_nano: 4_200_000, rows_scanned: 91_204 },
    };
  }
  if (at === '/sql/schema') {
    return {
      tables: ['spans', 'logs', 'metrics', 'traces', 'edges'].map(name => ({
        name,
        about: `the ${name}`,
        columns: [
          { name: 'service_name', type: 'Utf8', about: 'who sent it' },
          { name: 'time', type: 'Timestamp(ns, UTC)' },
        ],
      })),
    };
  }
  if (at === '/complete') {
    const q = params.get('q') ?? '';
    const pos = Number(params.get('pos') ?? q.length);
    const word = /[^\s(]*$/.exec(q.slice(0, pos))?.[0] ?? '';
    const colon = word.indexOf(':');
    const items =
      colon >= 0
        ? SERVICES.filter(one => one.startsWith(word.slice(colon + 1))).map(one => ({
            insert: `${one} `,
            label: one,
            kind: 'value',
            count: 1200,
          }))
        : ['service:', 'status:', 'duration:>', 'name:', 'http.route:']
            .filter(one => one.startsWith(word))
            .map(one => ({ insert: one, label: one, kind: 'field' }));
    return { from: colon >= 0 ? pos - word.length + colon + 1 : pos - word.length, to: pos, items };
  }
  const service = /^\/services\/([^/]+)(\/\w+)?$/.exec(at);
  if (service) {
    const one = services(now).find(each => each.name === decodeURIComponent(service[1]!));
    const operations = ROUTES.map((name, i) => ({
      name,
      kind: 'server',
      span_count: 4000 - i * 600,
      error_count: i * 12,
      p50_nano: 9e6,
      p95_nano: 1.2e8,
      p99_nano: 4e8,
    }));
    if (service[2] === '/operations') return list(operations);
    if (service[2] === '/versions')
      return list(
        ['1.4.2', '1.4.1'].map((version, i) => ({
          version,
          first_seen: time(now - 3e6 * (i + 1)),
          last_seen: time(now - 3000),
          span_count: 900 + i * 8000,
          error_count: i ? 9 : 88,
          p50_nano: 9e6,
          p95_nano: i ? 9e7 : 3e8,
          p99_nano: 4e8,
        })),
      );
    if (service[2] === '/dependencies')
      return {
        upstream: edges.filter(edge => edge.callee === one?.name),
        downstream: edges.filter(edge => edge.caller === one?.name),
        complete: true,
      };
    return one && { name: one.name, services: [one], operations };
  }
  return undefined;
}
