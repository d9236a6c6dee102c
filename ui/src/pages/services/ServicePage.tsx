import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { dependencies, oneService, operations, versions } from '../../api/services';
import { traceHeat } from '../../api/traces';
import type { EdgeWire, OperationWire, VersionWire } from '../../api/wire';
import { formatCount, formatDuration, formatShare } from '../../model/format';
import { durationLiteral, fieldTerm } from '../../model/query';
import { formatAgo, nanosOfMillis, parseInstant, resolveRange, writeInstant } from '../../model/time';
import { ServiceName } from '../../parts/Chip';
import { HeatMap } from '../../parts/HeatMap';
import { Icon } from '../../parts/Icon';
import { Nothing } from '../../parts/Nothing';
import { Empty, Failed, Loading } from '../../parts/Notice';
import { type Column, Table } from '../../parts/Table';
import { Tabs } from '../../parts/Tabs';
import { usePreferences } from '../../state/preferences';
import type { Search } from '../../state/search';
import { carried, useAddress, useRange } from '../../state/url';
import '../../style/search.css';
import { ErrorShare, Latency } from './cells';
import './services.css';

type Tab = 'operations' | 'versions' | 'dependencies';
const TABS: { key: Tab; label: string }[] = [
  { key: 'operations', label: 'Operations' },
  { key: 'versions', label: 'Versions' },
  { key: 'dependencies', label: 'Dependencies' },
];

export function ServicePage() {
  const { name } = useParams({ strict: false }) as { name: string };
  const { search, set } = useAddress();
  const { range, setRange } = useRange();
  const { zone } = usePreferences();
  const navigate = useNavigate();
  const along = carried(search);
  const tab = TABS.find(one => one.key === search.tab)?.key ?? 'operations';
  const term = fieldTerm('service', name);
  const service = useQuery({
    queryKey: ['service', name, range],
    queryFn: ({ signal }) => oneService(name, range, signal),
  });
  const asked = { q: term, ...range };
  const heat = useQuery({ queryKey: ['trace heat', asked], queryFn: ({ signal }) => traceHeat(asked, 80, 24, signal) });
  // The busiest of that name; the others are named beside it.
  const [one, ...others] = (service.data?.services ?? []).toSorted((a, b) => b.span_count - a.span_count);
  const now = nanosOfMillis(Date.now());
  const span = resolveRange(range, now);
  const seconds = Number(span.to - span.from) / 1e9;
  return (
    <div className="page service-page">
      <div className="page-head">
        <h1>
          <ServiceName name={name} />
        </h1>
        {one && (
          <span className="muted">
            {[one.namespace, one.environment, one.versions?.join(', ')].filter(Boolean).join(' · ')}
          </span>
        )}
        <span className="page-actions">
          <Link to="/traces" search={{ ...along, q: term } as never} className="button">
            <Icon name="traces" />
            Traces
          </Link>
          <Link to="/traces" search={{ ...along, q: `${term} status:error` } as never} className="button">
            <Icon name="error" />
            Errors
          </Link>
          <Link to="/logs" search={{ ...along, q: term } as never} className="button">
            <Icon name="logs" />
            Logs
          </Link>
        </span>
      </div>
      {service.isPending ? (
        <Loading what="Reading the service" />
      ) : service.isError ? (
        (service.error as { status?: number }).status === 404 ? (
          <Nothing
            what={`spans of ${name}`}
            q=""
            range={range}
            zone={zone}
            onQuery={() => undefined}
            onRange={setRange}
          />
        ) : (
          <Failed what="The service could not be read" error={service.error} retry={() => void service.refetch()} />
        )
      ) : one ? (
        <>
          {others.length > 0 && (
            <p className="muted">
              Figures are those of {[one.namespace, one.environment].filter(Boolean).join(' · ') || 'the busiest'}; also
              there: {others.map(other => [other.namespace, other.environment].filter(Boolean).join(' · ')).join(', ')}.
            </p>
          )}
          <section className="card red" aria-label="Rate, errors, duration">
            <dl>
              <Figure
                name="Rate"
                value={`${formatCount(round(one.span_count / seconds))}/s`}
                note={`${formatCount(one.span_count)} spans`}
              />
              <Figure
                name="Errors"
                value={formatShare(one.error_count, one.span_count)}
                note={`${formatCount(one.error_count)} spans`}
                bad={one.error_count > 0}
              />
              <Figure name="p50" value={duration(one.p50_nano)} note="half are faster" />
              <Figure name="p95" value={duration(one.p95_nano)} note="1 of 20 is slower" />
              <Figure name="p99" value={duration(one.p99_nano)} note="1 of 100 is slower" />
              <Figure
                name="Logs"
                value={formatCount(one.log_count ?? 0)}
                note={one.last_seen ? `seen ${formatAgo(parseInstant(one.last_seen) ?? now, now)}` : ''}
              />
            </dl>
          </section>
          {heat.data && heat.data.cells.length > 0 && (
            <section className="card heat-card">
              <HeatMap
                title="Latency of its spans: drag for the traces in a box"
                data={heat.data}
                zone={zone}
                onChoose={(from, to, shortest, longest) =>
                  void navigate({
                    to: '/traces',
                    search: {
                      q: `${term} duration:${durationLiteral(shortest)}..${durationLiteral(longest)}`,
                      from: writeInstant(from),
                      to: writeInstant(to),
                    } as never,
                  })
                }
              />
            </section>
          )}
          <section className="card tabs-card">
            <Tabs
              label="Service"
              tabs={TABS}
              chosen={tab}
              onChoose={key => set({ tab: key === 'operations' ? undefined : key })}
            >
              {tab === 'operations' ? (
                <Operations name={name} along={along} />
              ) : tab === 'versions' ? (
                <Versions name={name} along={along} />
              ) : (
                <Dependencies name={name} along={along} />
              )}
            </Tabs>
          </section>
        </>
      ) : null}
    </div>
  );
}

function Figure({ name, value, note, bad = false }: { name: string; value: string; note: string; bad?: boolean }) {
  return (
    <div data-bad={bad || undefined}>
      <dt>{name}</dt>
      <dd className="figure">{value}</dd>
      <dd className="muted small">{note}</dd>
    </div>
  );
}

interface Measured {
  span_count: number;
  error_count: number;
  p50_nano?: number;
  p95_nano?: number;
  p99_nano?: number;
}

/** The columns of everything that was counted and timed. */
function measures<R extends Measured>(rows: readonly R[]): Column<R>[] {
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

function Operations({ name, along }: { name: string; along: Search }) {
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

function Versions({ name, along }: { name: string; along: Search }) {
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

function Dependencies({ name, along }: { name: string; along: Search }) {
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

const duration = (nanos: number | undefined) => (nanos === undefined ? '–' : formatDuration(nanos));
const round = (value: number) => (value < 10 ? Math.round(value * 100) / 100 : Math.round(value));
