import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { sql, sqlCsv, sqlSchema } from '../../api/query';
import type { SqlWire } from '../../api/wire';
import { formatDuration, formatWhole, plural } from '../../model/format';
import { CopyButton } from '../../parts/Copy';
import { Icon } from '../../parts/Icon';
import { Empty, Failed, Loading } from '../../parts/Notice';
import { useHotkeys } from '../../state/hotkeys';
import { useAddress } from '../../state/url';
import { Editor } from './Editor';
import { Result } from './Result';
import './sql.css';

const FIRST = `select service_name, count(*) as spans,
  sum(case when status_code = 'error' then 1 else 0 end) as errors,
  approx_percentile_cont(duration_nano, 0.95) as p95_nano
from spans
group by 1
order by spans desc`;

export function SqlPage() {
  const { search, set } = useAddress();
  const [text, setText] = useState(search.q ?? FIRST);
  const [ran, setRan] = useState(search.q);
  const area = useRef<HTMLTextAreaElement>(null);
  const stop = useRef<AbortController>(undefined);
  const run = useMutation({
    mutationFn: (query: string) => {
      stop.current?.abort();
      stop.current = new AbortController();
      return sql(query, stop.current.signal);
    },
  });
  const download = useMutation({
    mutationFn: sqlCsv,
    onSuccess: csv => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([csv], { type: 'text/csv' }));
      link.download = 'hopline.csv';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    },
  });
  const go = () => {
    const query = text.trim();
    if (!query) return;
    setRan(query);
    set({ q: query }, 'push');
    run.mutate(query);
  };
  const cancel = () => {
    stop.current?.abort();
    run.reset();
  };
  const { mutate } = run;
  // An address with a query shows its result.
  const linked = useRef(search.q);
  useEffect(() => {
    if (linked.current) mutate(linked.current);
    linked.current = undefined;
    return () => stop.current?.abort();
  }, [mutate]);
  useHotkeys([{ keys: 'Mod+Enter', about: 'Run the query', group: 'SQL', run: go }]);
  const curl = `curl -s ${location.origin}/api/v1/sql -H 'content-type: application/json' -d '${JSON.stringify({ query: text }).replace(/'/g, `'"'"'`)}'`;

  return (
    <div className="sql-page">
      <h1 className="visually-hidden">SQL</h1>
      <Schema onPick={name => insert(area.current, name, setText)} />
      <div className="sql-main">
        <div className="sql-editor">
          <Editor value={text} area={area} onChange={setText} onCancel={() => run.isPending && cancel()} />
          <div className="sql-bar">
            {run.isPending ? (
              <button type="button" className="button" onClick={cancel}>
                <Icon name="close" />
                Cancel <kbd>Esc</kbd>
              </button>
            ) : (
              <button type="button" className="button primary" onClick={go}>
                <Icon name="play" />
                Run
              </button>
            )}
            <span className="muted small">
              <kbd>Ctrl</kbd> <kbd>Enter</kbd>
            </span>
            <span className="sql-said" role="status">
              {run.data && said(run.data)}
            </span>
            <CopyButton text={curl} label="Copy as curl" />
            <button
              type="button"
              className="button quiet"
              disabled={!ran || download.isPending}
              onClick={() => ran && download.mutate(ran)}
            >
              <Icon name="download" />
              CSV
            </button>
          </div>
          {download.isError && (
            <p className="field-error" role="alert">
              {download.error.message}
            </p>
          )}
        </div>
        <div className="sql-result">
          {run.isPending ? (
            <Loading what="Running" />
          ) : run.isError ? (
            <Failed what="The query failed" error={run.error} />
          ) : run.data ? (
            <Result data={run.data} />
          ) : (
            <Empty title="Everything stored is a table">
              spans, logs, metrics, traces, edges, links. The list on the left has their columns; a click writes a name.
            </Empty>
          )}
        </div>
      </div>
    </div>
  );
}

function said(data: SqlWire): string {
  const { elapsed_nano: elapsed, rows_scanned: scanned } = data.stats ?? {};
  return [
    plural(data.rows.length, 'row'),
    typeof elapsed === 'number' && formatDuration(elapsed),
    typeof scanned === 'number' && `${formatWhole(scanned)} scanned`,
  ]
    .filter(Boolean)
    .join(' · ');
}

function insert(area: HTMLTextAreaElement | null, name: string, setText: (text: string) => void) {
  if (!area) return;
  area.setRangeText(name, area.selectionStart, area.selectionEnd, 'end');
  setText(area.value);
  area.focus();
}

function Schema({ onPick }: { onPick: (name: string) => void }) {
  const schema = useQuery({
    queryKey: ['sql schema'],
    queryFn: ({ signal }) => sqlSchema(signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <aside className="sql-schema" aria-label="Tables">
      {schema.isError && <Failed what="No tables" error={schema.error} retry={() => void schema.refetch()} />}
      {schema.data?.tables.map((table, index) => (
        <details key={table.name} open={index === 0}>
          <summary title={table.about}>
            <Icon name="table" size={14} />
            {table.name}
          </summary>
          <ul>
            {table.columns.map(column => (
              <li key={column.name}>
                <button type="button" onClick={() => onPick(column.name)} title={column.about}>
                  <span className="mono truncate">{column.name}</span>
                  <span className="muted small truncate">{shortType(column.type)}</span>
                </button>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </aside>
  );
}

/** `Timestamp(Nanosecond, Some("UTC"))` is `timestamp`. */
function shortType(type: string): string {
  return type
    .replace(/\(.*$/, '')
    .replace(/^(Large)?Utf8(View)?$/, 'text')
    .replace(/^Dictionary$/, 'text')
    .toLowerCase();
}
