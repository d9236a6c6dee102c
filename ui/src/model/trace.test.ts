import { describe, expect, it } from 'vitest';
import { ancestors, extent, SpanIndex, selfTimes, skewedServices, startOf } from './trace';
import { sketchTrace } from './traceFixture';
import { type Hop, hopPicture } from './traceHops';
import { groupByOperation, sortOperations } from './traceTable';

const trace = sketchTrace({
  name: 'root',
  service: 'web',
  took: 100,
  children: [
    { name: 'a', at: 10, took: 30, service: 'cart', skew: 5 },
    { name: 'a', at: 20, took: 30, service: 'cart', error: 'no' },
    { name: 'late', at: 90, took: 40 },
  ],
});

describe('a trace', () => {
  it('counts time in itself once where children overlap, and clips what outlives it', () => {
    // 100 − (10..50) − (90..100)
    expect([...selfTimes(trace)].map(nano => nano / 1e6)).toEqual([50, 30, 30, 40]);
  });

  it('covers all spans, with either clock', () => {
    expect(extent(trace, false)).toEqual({ from: 0, to: 130e6 });
    expect(startOf(trace, 1, true)).toBe(15e6);
    expect(skewedServices(trace)).toEqual([{ service: 'cart', nano: 5e6 }]);
  });

  it('knows the way from the root, and rows by id', () => {
    expect(ancestors(trace, 3)).toEqual([0]);
    const index = new SpanIndex(trace);
    expect(index.row('0000000000000002')).toBe(2);
    expect(index.row('ffffffffffffffff')).toBe(-1);
  });

  it('groups by operation', () => {
    const rows = groupByOperation(trace);
    const cart = rows.find(row => row.service === 'cart');
    expect(cart).toMatchObject({ count: 2, errors: 1, total: 60e6, longest: 30e6, longestSpan: 1, average: 30e6 });
    expect(sortOperations(rows, 'total', true).map(row => row.name)).toEqual(['root', 'a', 'late']);
    expect(sortOperations(rows, 'name', false).map(row => row.name)).toEqual(['a', 'late', 'root']);
  });
});

describe('the picture of hops', () => {
  const end = (service: string) => ({ service, version: undefined, operation: undefined, spanId: undefined });
  const hop = (more: Partial<Hop>): Hop => ({
    hop: 1,
    depth: 0,
    kind: 'rpc',
    pairing: 'kind',
    protocol: undefined,
    caller: end('web'),
    callee: end('cart'),
    start: 0,
    client: undefined,
    server: undefined,
    network: undefined,
    queue: undefined,
    self: undefined,
    critical: undefined,
    attempt: 1,
    failed: false,
    firstCause: false,
    logs: 0,
    via: '',
    ...more,
  });

  it('puts half of the network before the callee and half after', () => {
    const picture = hopPicture([hop({ start: 100, client: 50, server: 30, network: 20 })]);
    expect(picture.lanes).toEqual(['web', 'cart']);
    expect(picture.shapes[0]).toMatchObject({ callerStart: 100, callerEnd: 150, calleeStart: 110, calleeEnd: 140 });
    expect(picture.end).toBe(150);
  });

  it('puts the queue between a message and its work', () => {
    const [shape] = hopPicture([hop({ kind: 'message', client: 5, queue: 40, server: 10 })]).shapes;
    expect(shape).toMatchObject({ callerEnd: 5, calleeStart: 45, calleeEnd: 55 });
  });

  it('fills the lane of a peer that sends no spans with what the caller saw', () => {
    const [shape] = hopPicture([hop({ start: 10, client: 25, callee: end('bank') })]).shapes;
    expect(shape).toMatchObject({ calleeStart: 10, calleeEnd: 35 });
  });
});
