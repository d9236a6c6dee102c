// The tree of a trace from an Arrow stream: buffers become arrays, strings stay bytes until somebody reads them.

import { type Column, type Table, tableFromIPC } from '@uwdata/flechette';
import type { Dictionary, TextColumn, Trace } from '../model/trace';
import { summaryOf } from './traces';
import type { TraceSummaryWire } from './wire';

/** What is asked for when there is no such column, so that an older server still shows something. */
function column(table: Table, name: string): Column<unknown> | undefined {
  return table.schema.fields.some(field => field.name === name) ? table.getChild(name) : undefined;
}

function needed(table: Table, name: string): Column<unknown> {
  const found = column(table, name);
  if (!found) throw new Error(`the server's answer has no column ${name}: page and server are of different versions`);
  return found;
}

function int32(table: Table, name: string): Int32Array {
  const found = column(table, name);
  if (!found) return new Int32Array(table.numRows);
  const values = found.toArray();
  return values instanceof Int32Array
    ? values
    : Int32Array.from(values as ArrayLike<number>, value => Number(value ?? 0));
}

/** 64-bit integers as numbers: nanoseconds within a trace are exact up to 104 days. */
function nanos(table: Table, name: string): Float64Array {
  const found = column(table, name);
  const out = new Float64Array(table.numRows);
  let at = 0;
  for (const batch of found?.data ?? []) {
    const words = batch.values as BigInt64Array;
    const halves = new DataView(words.buffer, words.byteOffset, words.byteLength);
    for (let row = 0; row < batch.length; row++, at++) {
      out[at] = halves.getInt32(row * 8 + 4, true) * 4294967296 + halves.getUint32(row * 8, true);
    }
  }
  return out;
}

interface DictionaryBatch {
  length: number;
  nullCount: number;
  values: ArrayLike<number>;
  dictionary: Column<string>;
  isValid(row: number): boolean;
}

/** Codes as they were sent; a dictionary that changes between batches is joined by its values. */
function dictionary(table: Table, name: string): Dictionary {
  const codes = new Int32Array(table.numRows).fill(-1);
  const values: string[] = [];
  const byValue = new Map<string, number>();
  const found = column(table, name);
  let at = 0;
  for (const batch of (found?.data ?? []) as unknown as DictionaryBatch[]) {
    const joined = Int32Array.from({ length: batch.dictionary.length }, (_, code) => {
      const value = batch.dictionary.at(code) ?? '';
      let known = byValue.get(value);
      if (known === undefined) {
        known = values.push(value) - 1;
        byValue.set(value, known);
      }
      return known;
    });
    for (let row = 0; row < batch.length; row++, at++) {
      if (batch.nullCount === 0 || batch.isValid(row)) codes[at] = joined[batch.values[row]!] ?? -1;
    }
  }
  return { codes, values };
}

function words(table: Table, name: string): TextColumn {
  return (column(table, name) as Column<string> | undefined) ?? { at: () => null };
}

function metadata(table: Table, key: string): string | undefined {
  return table.schema.metadata?.get(key) ?? undefined;
}

export function decodeTrace(id: string, bytes: ArrayBuffer): Trace {
  const table = tableFromIPC(bytes, { useBigInt: true });
  needed(table, 'parent');
  needed(table, 'start_nano');
  needed(table, 'duration_nano');
  const summary = JSON.parse(metadata(table, 'trace') ?? '{}') as TraceSummaryWire & { start_unix_nano?: string };
  const status = dictionary(table, 'status_code');
  const errorCode = status.values.indexOf('error');
  const failed = Uint8Array.from(status.codes, code => (code === errorCode && code >= 0 ? 1 : 0));
  return {
    id,
    summary: summaryOf({ ...summary, services: summary.services ?? [] }),
    startUnixNano: BigInt(summary.start_unix_nano ?? '0'),
    complete: metadata(table, 'complete') !== 'false',
    warnings: JSON.parse(metadata(table, 'warnings') ?? '[]') as string[],
    length: table.numRows,
    spanIds: words(table, 'span_id'),
    statusMessages: words(table, 'status_message'),
    parent: int32(table, 'parent'),
    depth: int32(table, 'depth'),
    size: int32(table, 'size'),
    start: nanos(table, 'start_nano'),
    duration: nanos(table, 'duration_nano'),
    critical: nanos(table, 'critical_nano'),
    skew: nanos(table, 'skew_nano'),
    name: dictionary(table, 'name'),
    service: dictionary(table, 'service_name'),
    version: dictionary(table, 'service_version'),
    kind: dictionary(table, 'kind'),
    status,
    logs: int32(table, 'log_count'),
    errorLogs: int32(table, 'error_log_count'),
    events: int32(table, 'event_count'),
    links: int32(table, 'link_count'),
    marks: int32(table, 'marks'),
    failed,
  };
}
