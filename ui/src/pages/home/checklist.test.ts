import { expect, test } from 'vitest';
import type { StatusWire } from '../../api/wire';
import { steps } from './checklist';

function status(ingest: Partial<StatusWire['ingest']>): StatusWire {
  return {
    version: '0',
    now: '',
    started: '',
    complete: true,
    endpoints: { otlp_grpc: '', otlp_http: '', http: '' },
    ingest: { accepted: {}, rejected: {}, exporters: [], errors: [], ...ingest },
  };
}
const exporter = {
  service: 'cart',
  sdk: 'opentelemetry python 1.2',
  address: '127.0.0.1',
  transport: 'grpc',
  last_seen: '',
  accepted: {},
  rejected: {},
  refused_requests: 0,
  last_reason: '',
};
const states = (ingest: Partial<StatusWire['ingest']>) => steps(status(ingest)).map(step => step.state);

test('nothing came', () => {
  expect(states({})).toEqual(['waiting', 'waiting', 'waiting', 'waiting', 'waiting']);
});

test('connected, then refused: the reason is said in words', () => {
  const errors = [{ time: '', address: '127.0.0.1:5', transport: 'http/json', message: 'body is not JSON' }];
  const list = steps(status({ errors }));
  expect(list.map(step => step.state)).toEqual(['done', 'failed', 'waiting', 'waiting', 'waiting']);
  expect(list[1]).toMatchObject({ label: 'Request refused', note: 'body is not JSON' });
});

test('accepted: each signal lights up by itself', () => {
  expect(states({ accepted: { spans: 3 }, exporters: [exporter] })).toEqual([
    'done',
    'done',
    'done',
    'waiting',
    'waiting',
  ]);
  expect(states({ accepted: { logs: 1, metrics: 2 } })).toEqual(['waiting', 'done', 'waiting', 'done', 'done']);
});

test('accepted in part: what was turned away is still said', () => {
  const list = steps(
    status({
      accepted: { spans: 3 },
      rejected: { spans: 2 },
      exporters: [{ ...exporter, last_reason: 'empty trace id' }],
    }),
  );
  expect(list[1]).toMatchObject({ state: 'done', note: '2 records turned away: empty trace id' });
});
