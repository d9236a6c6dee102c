import type { Json, SqlWire } from '../../api/wire';
import { formatDuration, formatWhole } from '../../model/format';
import { Empty, Warnings } from '../../parts/Notice';

/** Rows that are drawn; the rest is in the download. */
const DRAWN_MAX = 1000;

export function Result({ data }: { data: SqlWire }) {
  if (data.rows.length === 0) return <Empty title="No rows" />;
  const numeric = new Set(
    data.columns
      .filter(column => /^(u?int|float|decimal|bigint|smallint|tinyint|double|real|numeric)/i.test(column.type))
      .map(column => column.name),
  );
  const warnings = [...(data.warnings ?? [])];
  if (data.rows.length > DRAWN_MAX) {
    warnings.push(
      `${formatWhole(DRAWN_MAX)} of ${formatWhole(data.rows.length)} rows are shown; the CSV has all of them.`,
    );
  }
  return (
    <>
      <Warnings items={warnings} complete={data.complete ?? true} />
      <div className="sql-table" tabIndex={0} role="region" aria-label="Result">
        <table className="table">
          <thead>
            <tr>
              {data.columns.map(column => (
                <th key={column.name} className={numeric.has(column.name) ? 'num' : undefined} title={column.type}>
                  {column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.rows.slice(0, DRAWN_MAX).map((row, index) => (
              <tr key={index}>
                {data.columns.map(column => (
                  <td key={column.name} className={numeric.has(column.name) ? 'num' : undefined}>
                    <Cell name={column.name} value={row[column.name]} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Digits behind the point; all of them on hover and in the CSV. */
const FRACTION_DIGITS = 3;

function Cell({ name, value }: { name: string; value: Json | undefined }) {
  if (value === undefined || value === null) return <span className="muted">null</span>;
  if (typeof value === 'number') return <NumberCell name={name} value={value} />;
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return (
    <span className="mono sql-cell" title={text.length > 60 ? text : undefined}>
      {text}
    </span>
  );
}

function NumberCell({ name, value }: { name: string; value: number }) {
  const short = Number.isInteger(value) ? String(value) : String(Number(value.toFixed(FRACTION_DIGITS)));
  return (
    <span className="mono sql-cell" title={short === String(value) ? undefined : String(value)}>
      {/* The columns are named so that their unit is known: nanoseconds read better in a larger one. */}
      {name.endsWith('_nano') && <span className="muted sql-reading">{formatDuration(Math.round(value))}</span>}
      {value !== 0 && Number(short) === 0 ? value.toPrecision(FRACTION_DIGITS) : short}
    </span>
  );
}
