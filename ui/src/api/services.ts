// Services, their operations, versions and neighbours; the map; groups of errors.

import type { Range } from '../model/time';
import { get } from './client';
import type { DependenciesWire, ErrorGroupWire, List, MapWire, OperationWire, ServiceWire, VersionWire } from './wire';

type Some<T> = (range: Range, signal: AbortSignal) => Promise<T>;

export const listServices: Some<List<ServiceWire>> = (range, signal) =>
  get('/api/v1/services', { ...range, limit: 500 }, signal);

export const oneService = (name: string, range: Range, signal: AbortSignal) =>
  get<ServiceWire>(`/api/v1/services/${encodeURIComponent(name)}`, { ...range }, signal);

export const operations = (name: string, range: Range, signal: AbortSignal) =>
  get<List<OperationWire>>(`/api/v1/services/${encodeURIComponent(name)}/operations`, { ...range, limit: 200 }, signal);

export const versions = (name: string, range: Range, signal: AbortSignal) =>
  get<List<VersionWire>>(`/api/v1/services/${encodeURIComponent(name)}/versions`, { ...range }, signal);

export const dependencies = (name: string, range: Range, signal: AbortSignal) =>
  get<DependenciesWire>(`/api/v1/services/${encodeURIComponent(name)}/dependencies`, { ...range }, signal);

export const serviceMap: Some<MapWire> = (range, signal) => get('/api/v1/map', { ...range }, signal);

export const errorGroups: Some<List<ErrorGroupWire>> = (range, signal) =>
  get('/api/v1/errors', { ...range, limit: 10 }, signal);
