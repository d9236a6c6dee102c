import { afterEach, expect, test, vi } from 'vitest';
import { ApiError, address, byteOfChar, charOfByte, get, onUnauthorized } from './client';

afterEach(() => vi.unstubAllGlobals());

const answer = (status: number, body: string) =>
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body, { status })));

test('parameters that are empty are left out', () => {
  expect(address('/api/v1/traces', { q: 'a:b c', from: 'now-1h', cursor: undefined, to: '' })).toBe(
    '/api/v1/traces?q=a%3Ab+c&from=now-1h',
  );
});

test('positions are counted in bytes there and in characters here', () => {
  const text = 'größe:>5';
  expect(byteOfChar(text, 5)).toBe(7);
  expect(charOfByte(text, 7)).toBe(5);
});

test('a problem keeps its place in the query', async () => {
  answer(400, JSON.stringify({ title: 'bad query', detail: 'unexpected )', position: 7, expected: 'a value' }));
  const error = await get('/api/v1/traces', { q: 'größe:)' }).catch(one => one);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 400, message: 'unexpected )', position: 5, expected: 'a value' });
});

test('an answer that is no problem document still says something', async () => {
  answer(502, '<html>bad gateway</html>');
  await expect(get('/x')).rejects.toMatchObject({ status: 502, message: '<html>bad gateway</html>' });
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
  await expect(get('/x')).rejects.toMatchObject({ status: 0, message: expect.stringContaining('cannot be reached') });
});

test('a missing token is told to who asks for it', async () => {
  answer(401, '{"detail":"a token is needed"}');
  const heard = vi.fn();
  const stop = onUnauthorized(heard);
  await get('/x').catch(() => undefined);
  stop();
  await get('/x').catch(() => undefined);
  expect(heard).toHaveBeenCalledTimes(1);
});
