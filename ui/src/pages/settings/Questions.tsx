// Questions at work on the server, and the way to stop one.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { questions, stopQuestion } from '../../api/status';
import type { QuestionWire } from '../../api/wire';
import { formatCount, formatDuration, formatShare } from '../../model/format';
import { Empty, Failed } from '../../parts/Notice';
import { type Column, Table } from '../../parts/Table';

const AGAIN_MS = 1_000;

export function Questions() {
  const queries = useQueryClient();
  const asked = useQuery({
    queryKey: ['questions'],
    queryFn: ({ signal }) => questions(signal),
    refetchInterval: query => (query.state.data === null ? false : AGAIN_MS),
  });
  const stop = useMutation({
    mutationFn: stopQuestion,
    onSettled: () => queries.invalidateQueries({ queryKey: ['questions'] }),
  });
  // An older server does not say.
  if (asked.isPending || asked.data === null) return null;
  const columns: Column<QuestionWire>[] = [
    {
      key: 'asked',
      head: 'Question',
      cell: row => (
        <span className="question">
          <code className="truncate" title={row.asked}>
            {row.asked || row.path}
          </code>
          <span className="muted small">{row.path}</span>
        </span>
      ),
    },
    { key: 'state', head: 'State', cell: row => <span className="muted">{progress(row)}</span> },
    { key: 'rows', head: 'Rows read', num: true, cell: row => formatCount(row.rows_scanned) },
    { key: 'elapsed', head: 'Since', num: true, cell: row => formatDuration(row.elapsed_nano) },
    {
      key: 'stop',
      head: 'Action',
      num: true,
      cell: row => (
        <button
          type="button"
          className="button"
          disabled={stop.isPending && stop.variables === row.id}
          aria-label={`Stop ${row.asked || row.path}`}
          onClick={() => stop.mutate(row.id)}
        >
          Stop
        </button>
      ),
    },
  ];
  return (
    <section className="card" aria-labelledby="settings-questions">
      <h2 id="settings-questions">Questions at work</h2>
      {asked.isError ? (
        <Failed what="They could not be listed" error={asked.error} retry={() => void asked.refetch()} />
      ) : asked.data.length === 0 ? (
        <Empty title="None at the moment">Long searches and SQL stand here while they run, and can be stopped.</Empty>
      ) : (
        <Table label="Questions at work" rows={asked.data} columns={columns} rowKey={row => row.id} />
      )}
      {stop.isError && <Failed what="It could not be stopped" error={stop.error} />}
    </section>
  );
}

function progress(row: QuestionWire): string {
  if (row.state === 'waiting') return 'waiting for others';
  return row.parts > 0 ? `${formatShare(row.parts_done, row.parts)} done` : 'working';
}
