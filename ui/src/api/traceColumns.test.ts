import { describe, expect, it } from 'vitest';
import { traceAnswer } from '../../dev/trace';
import { hasMark, Mark, text } from '../model/trace';
import { decodeTrace } from './traceColumns';

function bytes(id: string): ArrayBuffer {
  const { body } = traceAnswer(`/api/v1/traces/${id}`, new URLSearchParams('view=tree'))!;
  const view = body as Uint8Array;
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
}

describe('columns of a trace', () => {
  it('become arrays with nothing lost', () => {
    const id = 'a'.repeat(32);
    const trace = decodeTrace(id, bytes(id));
    expect(trace.length).toBe(trace.size[0]);
    expect(trace.summary).toMatchObject({ id, service: 'web', name: 'POST /checkout', failed: true });
    expect(trace.startUnixNano).toBe(1_763_978_400_123_456_789n);
    expect([trace.parent[0], trace.depth[0], trace.start[0], trace.duration[0]]).toEqual([-1, 0, 0, 1842e6]);
    expect(text(trace.service, 0)).toBe('web');
    expect(text(trace.version, 1)).toBe('');
    expect(trace.statusMessages.at(0)).toBe('HTTP 502');
    expect(trace.statusMessages.at(1)).toBeNull();
    expect(trace.failed[0]).toBe(1);
    expect(trace.spanIds.at(0)).toMatch(/^[0-9a-f]{16}$/);
    const cause = Array.from({ length: trace.length }, (_, row) => row).find(row =>
      hasMark(trace, row, Mark.firstCause),
    );
    expect(text(trace.name, cause!)).toBe('POST bank.example/charge');
    expect(trace.skew.some(nano => nano === 120e6)).toBe(true);
    expect(Math.max(...trace.critical)).toBeGreaterThan(0);
  });

  it('are refused when they are not those of a trace', () => {
    expect(() => decodeTrace('x', new ArrayBuffer(8))).toThrow();
  });

  it('of a hundred thousand spans are read in a blink', () => {
    const id = 'b16'.padEnd(32, '0');
    const sent = bytes(id);
    const times = [1, 2, 3].map(() => {
      const began = performance.now();
      expect(decodeTrace(id, sent).length).toBe(100_000);
      return performance.now() - began;
    });
    // Some 10 ms here; the bound only catches a decoder that makes an object of every span.
    expect(Math.min(...times)).toBeLessThan(150);
  });
});
