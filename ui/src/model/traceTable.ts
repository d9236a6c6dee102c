/** The spans of a trace by service and operation: what was called how often, and what it cost. */

import { selfTimes, type Trace, text } from './trace';

export interface OperationRow {
  service: string;
  name: string;
  kind: string;
  count: number;
  errors: number;
  total: number;
  self: number;
  critical: number;
  average: number;
  longest: number;
  /** Row of the longest. */
  longestSpan: number;
}

export type OperationColumn =
  | 'service'
  | 'name'
  | 'count'
  | 'errors'
  | 'total'
  | 'self'
  | 'critical'
  | 'average'
  | 'longest';

export function groupByOperation(trace: Trace): OperationRow[] {
  const self = selfTimes(trace);
  const groups = new Map<number, OperationRow>();
  const names = trace.name.values.length + 1;
  for (let row = 0; row < trace.length; row++) {
    const key = (trace.service.codes[row]! + 1) * names + trace.name.codes[row]! + 1;
    let group = groups.get(key);
    if (!group) {
      group = {
        service: text(trace.service, row),
        name: text(trace.name, row),
        kind: text(trace.kind, row),
        count: 0,
        errors: 0,
        total: 0,
        self: 0,
        critical: 0,
        average: 0,
        longest: -1,
        longestSpan: row,
      };
      groups.set(key, group);
    }
    const duration = trace.duration[row]!;
    group.count++;
    group.errors += trace.failed[row]!;
    group.total += duration;
    group.self += self[row]!;
    group.critical += trace.critical[row]!;
    if (duration > group.longest) {
      group.longest = duration;
      group.longestSpan = row;
    }
  }
  for (const group of groups.values()) group.average = group.total / group.count;
  return [...groups.values()];
}

export function sortOperations(rows: readonly OperationRow[], column: OperationColumn, down: boolean): OperationRow[] {
  const sign = down ? -1 : 1;
  return rows.toSorted((a, b) => {
    const x = a[column];
    const y = b[column];
    return sign * (typeof x === 'string' ? x.localeCompare(y as string) : x - (y as number));
  });
}
