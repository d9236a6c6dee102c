// What serves any query: completion of its text, and SQL.

import { byteOfChar, charOfByte, get, post } from './client';
import type { CompletionWire, SqlSchemaWire, SqlWire } from './wire';

export interface Completion {
  from: number;
  to: number;
  items: CompletionWire['items'];
}

export async function complete(
  signalName: 'traces' | 'logs',
  q: string,
  cursor: number,
  signal: AbortSignal,
): Promise<Completion> {
  const wire = await get<CompletionWire>(
    '/api/v1/complete',
    { q, pos: byteOfChar(q, cursor), signal: signalName },
    signal,
  );
  return { from: charOfByte(q, wire.from), to: charOfByte(q, wire.to), items: wire.items };
}

export const sql = (query: string, signal: AbortSignal) => post<SqlWire>('/api/v1/sql', { query, params: [] }, signal);

export const sqlCsv = (query: string) => post<string>('/api/v1/sql', { query, params: [] }, undefined, 'text/csv');

export const sqlSchema = (signal: AbortSignal) => get<SqlSchemaWire>('/api/v1/sql/schema', {}, signal);
