// What the pages work with: the server's answers with times as nanoseconds.

import type { Severity } from './severity';
import type { Nanos } from './time';

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

export interface ServiceShare {
  name: string;
  spans: number;
  errors: number;
}

export interface TraceSummary {
  id: string;
  service: string;
  name: string;
  failed: boolean;
  start: Nanos;
  duration: number;
  spans: number;
  errors: number;
  services: ServiceShare[];
  matched: number | undefined;
}

export interface Log {
  id: string;
  time: Nanos;
  severity: Severity;
  severityText: string;
  service: string;
  version: string | undefined;
  body: Value;
  /** The body as one line of text. */
  line: string;
  traceId: string | undefined;
  spanId: string | undefined;
  /** Fields that were not sent and stand in the text. */
  derived: string[];
  event: string | undefined;
  attributes: Record<string, Value>;
  resource: Record<string, Value>;
}

export interface Page<T> {
  items: T[];
  cursor: string | undefined;
  total: { value: number; relation: 'eq' | 'gte' } | undefined;
  complete: boolean;
  warnings: string[];
}
