// Spans by service and operation: what was called how often, and what it cost.

import { useMemo, useState } from 'react';
import { formatDuration, formatShare, formatWhole } from '../../../model/format';
import type { Trace } from '../../../model/trace';
import { operationQuery } from '../../../model/traceFind';
import { groupByOperation, type OperationColumn, sortOperations } from '../../../model/traceTable';
import { ServiceName } from '../../../parts/Chip';

const COLUMNS: { key: OperationColumn; label: string; about?: string; number?: boolean }[] = [
  { key: 'service', label: 'Service' },
  { key: 'name', label: 'Operation' },
  { key: 'count', label: 'Spans', number: true },
  { key: 'errors', label: 'Errors', number: true },
  { key: 'total', label: 'Total', number: true, about: 'Sum of the durations: more than the trace where they overlap' },
  { key: 'self', label: 'In itself', number: true, about: 'Time not covered by children' },
  { key: 'critical', label: 'Critical path', number: true, about: 'Time the end of the trace waited for' },
  { key: 'average', label: 'Average', number: true },
  { key: 'longest', label: 'Longest', number: true },
];

/** More operations than anybody reads; the find bar finds the rest. */
const ROWS_MAX = 500;

export function SpansTab({
  trace,
  onFind,
  onSpan,
}: {
  trace: Trace;
  onFind: (query: string) => void;
  onSpan: (row: number) => void;
}) {
  const [sort, setSort] = useState<{ column: OperationColumn; down: boolean }>({ column: 'self', down: true });
  const groups = useMemo(() => groupByOperation(trace), [trace]);
  const sorted = useMemo(() => sortOperations(groups, sort.column, sort.down), [groups, sort]);
  const largest = useMemo(() => Math.max(1, ...groups.map(group => group.self)), [groups]);
  return (
    <div className="trace-tab table-wrap" tabIndex={0} role="region" aria-label="Spans by operation">
      <table className="table spans-table">
        <thead>
          <tr>
            {COLUMNS.map(column => (
              <th
                key={column.key}
                className={column.number ? 'num' : undefined}
                title={column.about}
                aria-sort={sort.column === column.key ? (sort.down ? 'descending' : 'ascending') : undefined}
              >
                <button
                  type="button"
                  onClick={() =>
                    setSort({ column: column.key, down: sort.column === column.key ? !sort.down : !!column.number })
                  }
                >
                  {column.label}
                  {sort.column === column.key ? (sort.down ? ' ↓' : ' ↑') : ''}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, ROWS_MAX).map(row => (
            <tr key={`${row.service}\n${row.name}`}>
              <td>
                <ServiceName name={row.service} />
              </td>
              <td>
                <button
                  type="button"
                  className="fact-link"
                  onClick={() => onFind(operationQuery(row.service, row.name))}
                >
                  {row.name || '(no name)'}
                </button>
              </td>
              <td className="num">{formatWhole(row.count)}</td>
              <td className={row.errors > 0 ? 'num error-text' : 'num'}>
                {row.errors > 0 ? formatWhole(row.errors) : '–'}
              </td>
              <td className="num">{formatDuration(row.total)}</td>
              <td className="num">
                <span className="metered">
                  <span className="meter" aria-hidden="true">
                    <i style={{ width: `${(row.self / largest) * 100}%` }} />
                  </span>
                  {formatDuration(row.self)}
                </span>
              </td>
              <td className="num">
                {row.critical > 0 ? (
                  <>
                    {formatDuration(row.critical)}{' '}
                    <span className="muted">{formatShare(row.critical, trace.summary.duration)}</span>
                  </>
                ) : (
                  '–'
                )}
              </td>
              <td className="num">{formatDuration(row.average)}</td>
              <td className="num">
                <button
                  type="button"
                  className="fact-link"
                  title="Show this span"
                  onClick={() => onSpan(row.longestSpan)}
                >
                  {formatDuration(row.longest)}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > ROWS_MAX && (
        <p className="muted table-note">
          The first {ROWS_MAX} of {formatWhole(sorted.length)} operations, as sorted.
        </p>
      )}
    </div>
  );
}
