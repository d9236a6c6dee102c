import { formatCount, formatDuration } from '../../model/format';
import type { Column } from '../../parts/Table';
import { ErrorShare, Latency } from './cells';

interface Measured {
  span_count: number;
  error_count: number;
  p50_nano?: number;
  p95_nano?: number;
  p99_nano?: number;
}

export const duration = (nanos: number | undefined) => (nanos === undefined ? '–' : formatDuration(nanos));

/** The columns of everything that was counted and timed. */
export function measures<R extends Measured>(rows: readonly R[]): Column<R>[] {
  const slowest = Math.max(...rows.map(row => row.p99_nano ?? 0), 1);
  return [
    { key: 'spans', head: 'Spans', num: true, by: row => row.span_count, cell: row => formatCount(row.span_count) },
    {
      key: 'errors',
      head: 'Errors',
      num: true,
      by: row => row.error_count / (row.span_count || 1),
      cell: row => <ErrorShare errors={row.error_count} of={row.span_count} />,
    },
    {
      key: 'latency',
      head: 'Latency',
      cell: row => <Latency p50={row.p50_nano} p95={row.p95_nano} p99={row.p99_nano} most={slowest} />,
    },
    { key: 'p50', head: 'p50', num: true, by: row => row.p50_nano ?? 0, cell: row => duration(row.p50_nano) },
    { key: 'p95', head: 'p95', num: true, by: row => row.p95_nano ?? 0, cell: row => duration(row.p95_nano) },
    { key: 'p99', head: 'p99', num: true, by: row => row.p99_nano ?? 0, cell: row => duration(row.p99_nano) },
  ];
}
