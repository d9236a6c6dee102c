// A tree of spans as the server sends it, for tests and for working on the page without one.

import { columnFromArray, dictionary, int32, int64, tableFromColumns, tableToIPC, utf8 } from '@uwdata/flechette';

export interface TreeRow {
  id: string;
  parent: number;
  depth: number;
  size: number;
  /** Nanoseconds since the start of the trace. */
  start: number;
  took: number;
  name: string;
  service: string;
  kind: string;
  error?: string | undefined;
  version?: string | undefined;
  critical?: number;
  skew?: number | undefined;
  logs?: number;
  errorLogs?: number;
  events?: number | undefined;
  marks?: number | undefined;
}

export function encodeTree(rows: readonly TreeRow[], summary: object, warnings: readonly string[] = []): Uint8Array {
  const ints = (pick: (row: TreeRow) => number) => columnFromArray(Int32Array.from(rows, pick), int32());
  const nanos = (pick: (row: TreeRow) => number) =>
    columnFromArray(
      rows.map(row => BigInt(Math.round(pick(row)))),
      int64(),
    );
  const words = (pick: (row: TreeRow) => string | null) => columnFromArray(rows.map(pick), dictionary(utf8(), int32()));
  const table = tableFromColumns({
    span_id: columnFromArray(
      rows.map(row => row.id),
      utf8(),
    ),
    parent: ints(row => row.parent),
    depth: ints(row => row.depth),
    size: ints(row => row.size),
    start_nano: nanos(row => row.start),
    duration_nano: nanos(row => row.took),
    name: words(row => row.name),
    service_name: words(row => row.service),
    kind: words(row => row.kind),
    status_code: words(row => (row.error ? 'error' : 'unset')),
    status_message: words(row => row.error ?? null),
    service_version: words(row => row.version ?? null),
    critical_nano: nanos(row => row.critical ?? 0),
    log_count: ints(row => row.logs ?? 0),
    error_log_count: ints(row => row.errorLogs ?? 0),
    event_count: ints(row => row.events ?? 0),
    link_count: ints(() => 0),
    skew_nano: nanos(row => row.skew ?? 0),
    marks: ints(row => row.marks ?? 0),
  });
  table.schema.metadata = new Map([
    ['trace', JSON.stringify(summary)],
    ['warnings', JSON.stringify(warnings)],
    ['complete', 'true'],
  ]);
  return tableToIPC(table, { format: 'stream' })!;
}
