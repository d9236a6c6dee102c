// A table that can be sorted by its heads. For lists of at most a few hundred rows; longer ones are virtual.

import type { ReactNode } from 'react';
import { Icon } from './Icon';

export interface Column<R> {
  key: string;
  head: string;
  num?: boolean;
  cell: (row: R) => ReactNode;
  /** What it is sorted by; columns without it are not sorted by. */
  by?: (row: R) => number | string;
}

/** `-p95` is p95 with the largest first. */
export function sortRows<R>(rows: readonly R[], columns: readonly Column<R>[], sort: string): R[] {
  const column = columns.find(one => one.key === sort.replace(/^-/, ''));
  const by = column?.by;
  if (!by) return [...rows];
  const direction = sort.startsWith('-') ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [left, right] = [by(a), by(b)];
    return (left < right ? -1 : left > right ? 1 : 0) * direction;
  });
}

export function Table<R>({
  rows,
  columns,
  rowKey,
  sort,
  onSort,
  label,
}: {
  rows: readonly R[];
  columns: readonly Column<R>[];
  rowKey: (row: R) => string;
  sort?: string;
  onSort?: (sort: string) => void;
  label: string;
}) {
  const sorted = sort ? sortRows(rows, columns, sort) : rows;
  const sortedBy = sort?.replace(/^-/, '');
  return (
    <div className="table-wrap">
      <table className="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map(column => {
              const on = column.key === sortedBy;
              const down = sort?.startsWith('-');
              return (
                <th
                  key={column.key}
                  className={column.num ? 'num' : undefined}
                  aria-sort={on ? (down ? 'descending' : 'ascending') : undefined}
                >
                  {column.by && onSort ? (
                    <button
                      type="button"
                      onClick={() =>
                        onSort(on ? (down ? column.key : `-${column.key}`) : column.num ? `-${column.key}` : column.key)
                      }
                    >
                      {column.head}
                      {on && <Icon name="down" size={10} />}
                    </button>
                  ) : (
                    column.head
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sorted.map(row => (
            <tr key={rowKey(row)}>
              {columns.map(column => (
                <td key={column.key} className={column.num ? 'num' : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
