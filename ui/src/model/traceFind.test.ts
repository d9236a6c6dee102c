import { describe, expect, it } from 'vitest';
import { failedRows, find, nextOf, operationQuery, parseDuration, terms } from './traceFind';
import { sketchTrace } from './traceFixture';

const trace = sketchTrace({
  name: 'POST /checkout',
  service: 'web',
  took: 1000,
  error: 'HTTP 502',
  children: [
    { name: 'charge card', service: 'payment', took: 400, error: 'Bank timed out' },
    { name: 'SELECT carts', service: 'cart db', took: 20 },
    { name: 'SELECT stock', service: 'inventory', took: 30 },
  ],
});

const found = (query: string) => [...find(trace, query).rows];

describe('find', () => {
  it.each([
    ['select', [2, 3]],
    ['SELECT stock', [3]],
    ['"charge card"', [1]],
    ['payment', [1]],
    ['timed', [1]],
    ['error', [0, 1]],
    ['error -service:web', [1]],
    ['service:web', [0]],
    ['service:"cart db"', [2]],
    ['name:select*', [2, 3]],
    ['>2.5%', [0, 1, 3]],
    ['<2.5%', [2]],
    ['>25ms', [0, 1, 3]],
    ['duration:>0.5s', [0]],
    ['-select', [0, 1]],
    ['0000000000000003', [3]],
    ['kind:internal version:1.0', [0, 1, 2, 3]],
    ['unknown:word', []],
    ['', []],
  ])('%s', (query, rows) => {
    expect(found(query)).toEqual(rows);
  });

  it('says what is wrong with a length of time', () => {
    expect(find(trace, '>fast').problem).toContain('>fast');
    expect(find(trace, '>5ms').problem).toBeUndefined();
  });

  it('splits at spaces outside quotes', () => {
    expect(terms('a service:"b c" -"d e"')).toEqual(['a', 'service:b c', '-d e']);
  });

  it('finds an operation again', () => {
    expect(found(operationQuery('cart db', 'SELECT carts'))).toEqual([2]);
  });

  it('goes round', () => {
    const rows = Int32Array.of(2, 5, 9);
    expect(nextOf(rows, -1, 1)).toBe(2);
    expect(nextOf(rows, 5, 1)).toBe(9);
    expect(nextOf(rows, 9, 1)).toBe(2);
    expect(nextOf(rows, 5, -1)).toBe(2);
    expect(nextOf(rows, 2, -1)).toBe(9);
    expect(nextOf(Int32Array.of(), 0, 1)).toBe(-1);
    expect([...failedRows(trace)]).toEqual([0, 1]);
  });

  it.each([
    ['1.5ms', 1.5e6],
    ['250 µs', 250e3],
    ['2m', 120e9],
    ['7', 7e6],
    ['x', undefined],
    ['5 parsec', undefined],
  ])('reads %s', (words, nano) => {
    expect(parseDuration(words)).toBe(nano);
  });
});
