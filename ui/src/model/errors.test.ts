import { expect, test } from 'vitest';
import { groupErrors } from './errors';

const span = (service_name: string, status_message: string, second: number, trace_id: string, type?: string) => ({
  service_name,
  name: 'POST /orders',
  trace_id,
  start_time: `2026-05-01T10:00:0${second}.000000000Z`,
  status_message,
  events: type ? [{ name: 'exception', attributes: { 'exception.type': type } }] : undefined,
});

test('what says the same is one group, with its newest trace', () => {
  const groups = groupErrors([
    span('payment', 'order o-91a7 is not paid', 3, 'c'),
    span('payment', 'order o-4b22 is not paid', 1, 'a'),
    span('payment', 'order o-4b22 is not paid', 2, 'b', 'CardDeclined'),
    span('cart', 'full', 2, 'd'),
  ]);
  expect(
    groups.map(group => [group.service_name, group.exception_type, group.message, group.count, group.sample_trace_id]),
  ).toEqual([
    ['payment', undefined, 'order … is not paid', 2, 'c'],
    ['payment', 'CardDeclined', 'order … is not paid', 1, 'b'],
    ['cart', undefined, 'full', 1, 'd'],
  ]);
  expect(groups[0]).toMatchObject({ first: '2026-05-01T10:00:01.000000000Z', last: '2026-05-01T10:00:03.000000000Z' });
});
