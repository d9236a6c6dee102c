import { expect, test } from 'vitest';
import { snippets, targetOf } from './snippets';

const ENDPOINTS = { otlp_http: '127.0.0.1:4318', otlp_grpc: '127.0.0.1:4317' };

test('the host is the one that the place can reach', () => {
  const http = (place: 'here' | 'docker' | 'kubernetes', seen: string, endpoints = ENDPOINTS) =>
    targetOf(endpoints, place, seen, false).http;
  expect(http('here', 'localhost')).toBe('http://localhost:4318');
  expect(http('here', 'telemetry.example')).toBe('http://telemetry.example:4318');
  expect(http('here', 'localhost', { otlp_http: '10.0.0.5:5318', otlp_grpc: '10.0.0.5:5317' })).toBe(
    'http://10.0.0.5:5318',
  );
  expect(http('here', 'localhost', { otlp_http: '[::1]:4318', otlp_grpc: '[::1]:4317' })).toBe('http://localhost:4318');
  expect(http('docker', 'localhost')).toBe('http://host.docker.internal:4318');
  expect(http('kubernetes', 'x')).toBe('http://hopline.default.svc.cluster.local:4318');
});

test('every language names this endpoint or the variables that do, and the token by its name', () => {
  const target = targetOf(ENDPOINTS, 'here', 'localhost', true);
  for (const { key, text, about } of snippets(target, 0)) {
    expect(`${text}${about}`, key).toMatch(/localhost:4318|Any SDK/);
    if (text.includes('4318') && key !== 'rust') expect(text, key).toMatch(/HOPLINE_TOKEN/);
  }
  expect(
    snippets(targetOf(ENDPOINTS, 'here', 'localhost', false), 0)
      .map(one => one.text)
      .join(),
  ).not.toMatch(/TOKEN/);
});

test('the span for curl is valid OTLP/JSON with times of today', () => {
  const text = snippets(targetOf(ENDPOINTS, 'here', 'localhost', false), 1_777_629_600_000).find(
    one => one.key === 'curl',
  )!.text;
  const body = JSON.parse(/-d '(.*)'$/.exec(text)![1]!);
  const span = body.resourceSpans[0].scopeSpans[0].spans[0];
  expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(span.startTimeUnixNano).toBe('1777629600000000000');
});
