// Services, their operations, versions and neighbours; the map; groups of errors.

import { groupErrors } from '../model/errors';
import type { Range } from '../model/time';
import { ApiError, get } from './client';
import type {
  DependenciesWire,
  ErrorGroupWire,
  List,
  MapWire,
  NamedServiceWire,
  OperationWire,
  ServiceWire,
  SpanWire,
  VersionWire,
} from './wire';

const GROUPS_MAX = 10;
const SPANS_MAX = 500;

type Some<T> = (range: Range, signal: AbortSignal) => Promise<T>;

export const listServices: Some<List<ServiceWire>> = (range, signal) =>
  get('/api/v1/services', { ...range, limit: 500 }, signal);

export const oneService = (name: string, range: Range, signal: AbortSignal) =>
  get<NamedServiceWire>(`/api/v1/services/${encodeURIComponent(name)}`, { ...range }, signal);

export const operations = (name: string, range: Range, signal: AbortSignal) =>
  get<List<OperationWire>>(`/api/v1/services/${encodeURIComponent(name)}/operations`, { ...range, limit: 200 }, signal);

export const versions = (name: string, range: Range, signal: AbortSignal) =>
  get<List<VersionWire>>(`/api/v1/services/${encodeURIComponent(name)}/versions`, { ...range }, signal);

export const dependencies = (name: string, range: Range, signal: AbortSignal) =>
  get<DependenciesWire>(`/api/v1/services/${encodeURIComponent(name)}/dependencies`, { ...range }, signal);

export const serviceMap: Some<MapWire> = (range, signal) => get('/api/v1/map', { ...range }, signal);

/** Groups of errors; of the newest failed spans alone where the server keeps no groups. */
export async function errorGroups(
  range: Range,
  signal: AbortSignal,
): Promise<{ items: ErrorGroupWire[]; newestOf: number | undefined }> {
  try {
    const list = await get<List<ErrorGroupWire>>('/api/v1/errors', { ...range, limit: GROUPS_MAX }, signal);
    return { items: list.items, newestOf: undefined };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    const spans = await get<List<SpanWire>>('/api/v1/spans', { ...range, q: 'status:error', limit: SPANS_MAX }, signal);
    const whole = spans.total === undefined || spans.total.value <= spans.items.length;
    return { items: groupErrors(spans.items).slice(0, GROUPS_MAX), newestOf: whole ? undefined : spans.items.length };
  }
}
