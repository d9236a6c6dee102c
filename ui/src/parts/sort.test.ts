import { expect, test } from 'vitest';
import { type Column, sortRows } from './Table';

test('rows are sorted by a column, either way, and left alone by an unknown one', () => {
  const columns: Column<{ n: number }>[] = [{ key: 'n', head: 'n', cell: row => row.n, by: row => row.n }];
  const rows = [{ n: 2 }, { n: 3 }, { n: 1 }];
  expect(sortRows(rows, columns, 'n').map(row => row.n)).toEqual([1, 2, 3]);
  expect(sortRows(rows, columns, '-n').map(row => row.n)).toEqual([3, 2, 1]);
  expect(sortRows(rows, columns, 'x')).toEqual(rows);
});
