// What the server answers about one trace, for working on the trace page without one.

import { encodeTree } from '../src/api/traceFixture';
import { checkout, large, MS, type Node, START } from './sketches';

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
    excess: [
      {
        hop: 6,
        caller: 'payment',
        callee: 'bank.example',
        name: 'POST',
        excess_nano: 1.39e9,
        share: 0.91,
        calls: 3,
        usual_calls: 1,
      },
      { hop: 2, caller: 'web', callee: 'checkout', name: 'PlaceOrder', excess_nano: 0.09e9, share: 0.06 },
    ],
    usual: rows
      .filter(row => row.kind === 'client' && row.took > 20 * MS)
      .map((row, place) => ({
        hop: place + 1,
        span_id: row.id,
        nano: row.took * (row.error ? 0.2 : 1.1),
        count: 4812,
      })),
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
