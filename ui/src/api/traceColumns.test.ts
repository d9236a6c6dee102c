import { describe, expect, it } from 'vitest';
import { hasMark, Mark, text } from '../model/trace';
import { decodeTrace } from './traceColumns';
import { encodeTree, type TreeRow } from './traceFixture';

const ID = 'a'.repeat(32);
const SUMMARY = {
  trace_id: ID,
  root_service: 'web',
  root_name: 'POST /checkout',
  root_status: 'error',
  start_time: '2025-11-24T10:00:00.123456789Z',
  start_unix_nano: '1763978400123456789',
  duration_nano: 5e12,
  span_count: 3,
  error_count: 1,
  services: [{ name: 'web', spans: 2, errors: 1 }],
};

const span = (more: Partial<TreeRow>): TreeRow => ({
  id: '00000000000000a1',
  parent: -1,
  depth: 0,
  size: 1,
  start: 0,
  took: 1,
  name: 'POST /checkout',
  service: 'web',
  kind: 'server',
  ...more,
});

function decode(rows: TreeRow[], warnings: string[] = []) {
  const bytes = encodeTree(rows, SUMMARY, warnings);
  return decodeTrace(ID, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer);
}

describe('columns of a trace', () => {
  it('become arrays with nothing lost', () => {
    const trace = decode(
      [
        // Longer than 32 bits of nanoseconds, and before the start by a clock that is off.
        span({ size: 3, took: 5_000_000_000_001, error: 'HTTP 502', marks: Mark.causedBy }),
        span({ id: '00000000000000a2', parent: 0, depth: 1, start: -7, skew: 120e6, version: '1.4', service: 'bank' }),
        span({ id: '00000000000000a3', parent: 0, depth: 1, start: 2 ** 33 + 5, critical: 9, logs: 2, errorLogs: 1 }),
      ],
      ['one thing is odd'],
    );
    expect(trace.length).toBe(3);
    expect(trace.summary).toMatchObject({ id: ID, service: 'web', name: 'POST /checkout', failed: true, spans: 3 });
    expect(trace.startUnixNano).toBe(1_763_978_400_123_456_789n);
    expect(trace.warnings).toEqual(['one thing is odd']);
    expect(trace.complete).toBe(true);
    expect([...trace.parent]).toEqual([-1, 0, 0]);
    expect([...trace.size]).toEqual([3, 1, 1]);
    expect([...trace.start]).toEqual([0, -7, 2 ** 33 + 5]);
    expect([...trace.duration]).toEqual([5_000_000_000_001, 1, 1]);
    expect([...trace.skew]).toEqual([0, 120e6, 0]);
    expect([0, 1, 2].map(row => text(trace.service, row))).toEqual(['web', 'bank', 'web']);
    expect([0, 1, 2].map(row => text(trace.version, row))).toEqual(['', '1.4', '']);
    expect([0, 1].map(row => trace.statusMessages.at(row))).toEqual(['HTTP 502', null]);
    expect([...trace.failed]).toEqual([1, 0, 0]);
    expect(trace.spanIds.at(2)).toBe('00000000000000a3');
    expect([trace.critical[2], trace.logs[2], trace.errorLogs[2], trace.events[2]]).toEqual([9, 2, 1, 0]);
    expect(hasMark(trace, 0, Mark.causedBy)).toBe(true);
  });

  it('are refused when they are not those of a trace', () => {
    expect(() => decodeTrace(ID, new ArrayBuffer(8))).toThrow();
  });

  it('of a hundred thousand spans are read in a blink', () => {
    const rows = Array.from({ length: 100_000 }, (_, row) =>
      span({ id: row.toString(16).padStart(16, '0'), parent: row - 1, depth: row, size: 100_000 - row, start: row }),
    );
    const bytes = encodeTree(rows, SUMMARY);
    const sent = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const times = [1, 2, 3].map(() => {
      const began = performance.now();
      expect(decodeTrace(ID, sent).length).toBe(100_000);
      return performance.now() - began;
    });
    // Some 10 ms here; the bound only catches a decoder that makes an object of every span.
    expect(Math.min(...times)).toBeLessThan(150);
  });
});
