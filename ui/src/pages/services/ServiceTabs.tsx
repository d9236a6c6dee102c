// What one service does, in which versions, called by whom and calling whom.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { dependencies, operations, versions } from '../../api/services';
import type { EdgeWire, OperationWire, VersionWire } from '../../api/wire';
import { formatCount } from '../../model/format';
import { fieldTerm } from '../../model/query';
import { formatAgo, nanosOfMillis, parseInstant } from '../../model/time';
import { ServiceName } from '../../parts/Chip';
import { Empty, Failed, Loading } from '../../parts/Notice';
import { type Column, Table } from '../../parts/Table';
import type { Search } from '../../state/search';
import { useAddress, useRange } from '../../state/url';
import { ErrorShare } from './cells';
import { duration, measures } from './measures';

export function Operations({ name, along }: { name: string; along: Search }) {
  const { range } = useRange();
  const { search, set } = useAddress();
  const found = useQuery({
    queryKey: ['operations', name, range],
    queryFn: ({ signal }) => operations(name, range, signal),
  });
  if (found.isPending) return <Loading what="Reading operations" />;
  if (found.isError) return <Failed what="No operations" error={found.error} retry={() => void found.refetch()} />;
  if (found.data.items.length === 0) return <Empty title="No operations in this range" />;
  const columns: Column<OperationWire>[] = [
    {
      key: 'name',
      head: 'Operation',
      by: row => row.name,
      cell: row => (
        <Link
          to="/traces"
          search={{ ...along, q: `${fieldTerm('service', name)} ${fieldTerm('name', row.name)}` } as never}
          className="plain strong"
        >
          {row.name}
        </Link>
      ),
    },
    { key: 'kind', head: 'Kind', by: row => row.kind ?? '', cell: row => <span className="muted">{row.kind}</span> },
    ...measures(found.data.items),
  ];
  return (
    <Table
      label="Operations"
      rows={found.data.items}
      columns={columns}
      rowKey={row => `${row.kind} ${row.name}`}
      sort={search.sort ?? '-spans'}
      onSort={sort => set({ sort })}
    />
  );
}

export function Versions({ name, along }: { name: string; along: Search }) {
  const { range } = useRange();
  const found = useQuery({
    queryKey: ['versions', name, range],
    queryFn: ({ signal }) => versions(name, range, signal),
  });
  if (found.isPending) return <Loading what="Reading versions" />;
  if (found.isError) return <Failed what="No versions" error={found.error} retry={() => void found.refetch()} />;
  if (found.data.items.length === 0) {
    return <Empty title="No version is known">Set service.version in the resource of the service.</Empty>;
  }
  const now = nanosOfMillis(Date.now());
  const ago = (text: string | undefined) => (text ? formatAgo(parseInstant(text) ?? now, now) : '–');
  const columns: Column<VersionWire>[] = [
    {
      key: 'version',
      head: 'Version',
      cell: row => (
        <Link
          to="/traces"
          search={{ ...along, q: `${fieldTerm('service', name)} ${fieldTerm('version', row.version)}` } as never}
          className="plain strong mono"
        >
          {row.version || '(none)'}
        </Link>
      ),
    },
    ...measures(found.data.items),
    { key: 'first', head: 'First seen', num: true, cell: row => <span className="muted">{ago(row.first_seen)}</span> },
    { key: 'last', head: 'Last seen', num: true, cell: row => <span className="muted">{ago(row.last_seen)}</span> },
  ];
  return <Table label="Versions" rows={found.data.items} columns={columns} rowKey={row => row.version} />;
}

export function Dependencies({ name, along }: { name: string; along: Search }) {
  const { range } = useRange();
  const found = useQuery({
    queryKey: ['dependencies', name, range],
    queryFn: ({ signal }) => dependencies(name, range, signal),
  });
  if (found.isPending) return <Loading what="Reading dependencies" />;
  if (found.isError) return <Failed what="No dependencies" error={found.error} retry={() => void found.refetch()} />;
  return (
    <div className="dependencies">
      <Edges title="Called by" edges={found.data.upstream} other="caller" along={along} />
      <Edges title="Calls" edges={found.data.downstream} other="callee" along={along} />
    </div>
  );
}

function Edges({
  title,
  edges,
  other,
  along,
}: {
  title: string;
  edges: EdgeWire[];
  other: 'caller' | 'callee';
  along: Search;
}) {
  const columns: Column<EdgeWire>[] = [
    {
      key: 'name',
      head: title,
      cell: edge =>
        edge.kind === 'rpc' || edge.kind === 'message' ? (
          <Link to="/services/$name" params={{ name: edge[other] }} search={along as never} className="plain strong">
            <ServiceName name={edge[other]} />
          </Link>
        ) : (
          <ServiceName name={edge[other]} />
        ),
    },
    { key: 'kind', head: 'Kind', cell: edge => <span className="muted">{edge.kind}</span> },
    { key: 'count', head: 'Calls', num: true, cell: edge => formatCount(edge.count) },
    {
      key: 'errors',
      head: 'Errors',
      num: true,
      cell: edge => <ErrorShare errors={edge.error_count} of={edge.count} />,
    },
    { key: 'p50', head: 'p50', num: true, cell: edge => duration(edge.p50_nano) },
    { key: 'p95', head: 'p95', num: true, cell: edge => duration(edge.p95_nano) },
  ];
  if (edges.length === 0) return <Empty title={`${title}: none in this range`} />;
  return (
    <Table label={title} rows={edges} columns={columns} rowKey={edge => `${edge.caller} ${edge.callee} ${edge.kind}`} />
  );
}
