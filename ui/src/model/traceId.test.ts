import { expect, test } from 'vitest';
import { traceIdIn } from './traceId';

test('a trace id is found in what was pasted', () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  for (const text of [
    id,
    ` ${id.toUpperCase()} `,
    `00-${id}-00f067aa0ba902b7-01`,
    '4bf92f35-77b3-4da6-a3ce-929d0e0e4736',
    `http://127.0.0.1:4300/trace/${id}?span=00f067aa0ba902b7`,
    `trace_id=${id}`,
  ]) {
    expect(traceIdIn(text), text).toBe(id);
  }
  expect(traceIdIn('a3ce929d0e0e4736')).toBe('0000000000000000a3ce929d0e0e4736');
  for (const text of ['', 'checkout', `${id}00`, 'face']) expect(traceIdIn(text), text).toBeUndefined();
});
