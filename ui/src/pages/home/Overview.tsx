// A day like any other: is data coming in, and which service needs a look.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useRef } from 'react';
import { errorGroups, listServices } from '../../api/services';
import type { ErrorGroupWire, ExporterWire, ServiceWire, StatusWire } from '../../api/wire';
import { formatBytes, formatCount, formatDuration, formatShare, formatWhole } from '../../model/format';
import { fieldTerm } from '../../model/query';
import { formatAgo, type Nanos, nanosOfMillis, parseInstant } from '../../model/time';
import { ServiceName } from '../../parts/Chip';
import { Icon } from '../../parts/Icon';
import { Empty, Failed, Loading } from '../../parts/Notice';
import { type Column, Table } from '../../parts/Table';
import type { Search } from '../../state/search';
import { carried, useAddress, useRange } from '../../state/url';
import { useVisits } from '../../state/visited';

export function Overview({ status }: { status: StatusWire }) {
  const { search } = useAddress();
  const along = carried(search);
  return (
    <div className="overview">
      <Health status={status} />
      <div className="overview-main">
        <div className="overview-stack">
          <ServicesCard along={along} />
          <ExportersCard status={status} />
        </div>
        <div className="overview-stack">
          <ErrorsCard along={along} />
          <RecentCard />
        </div>
      </div>
    </div>
  );
}

/** Figures of ingest, with rates between two looks. */
function Health({ status }: { status: StatusWire }) {
  const before = useRef<{ at: Nanos; spans: number; logs: number; metrics: number; rates: Record<string, number> }>(
    undefined,
  );
  const at = parseInstant(status.now) ?? 0n;
  const { spans = 0, logs = 0, metrics = 0 } = status.ingest.accepted;
  if (!before.current || at > before.current.at) {
    const last = before.current;
    const seconds = last ? Number(at - last.at) / 1e9 : 0;
    const rate = (now: number, then: number | undefined) =>
      seconds > 0 ? Math.max(0, now - (then ?? now)) / seconds : 0;
    // A little inertia, so that the figures can be read.
    const smooth = (key: string, fresh: number) => (last ? (last.rates[key] ?? fresh) * 0.6 + fresh * 0.4 : 0);
    before.current = {
      at,
      spans,
      logs,
      metrics,
      rates: {
        spans: smooth('spans', rate(spans, last?.spans)),
        logs: smooth('logs', rate(logs, last?.logs)),
        metrics: smooth('metrics', rate(metrics, last?.metrics)),
      },
    };
  }
  const rates = before.current.rates;
  const rejected = Object.values(status.ingest.rejected).reduce((sum, one) => sum + (one ?? 0), 0);
  const refused = status.ingest.exporters.reduce((sum, one) => sum + one.refused_requests, 0);
  const trouble = rejected + refused;
  const reason = status.ingest.exporters.find(one => one.last_reason)?.last_reason ?? status.ingest.errors[0]?.message;
  const disk = number(status.storage, 'block_bytes') + number(status.storage, 'wal_bytes');
  const rows = number(status.storage, 'block_rows') + number(status.storage, 'live_rows');
  const perSecond = (value: number) => `${formatCount(value < 10 ? Math.round(value * 10) / 10 : Math.round(value))}/s`;
  return (
    <section className="card health" aria-label="Ingest">
      <dl>
        <Figure name="Spans" value={formatCount(spans)} note={perSecond(rates.spans ?? 0)} />
        <Figure name="Logs" value={formatCount(logs)} note={perSecond(rates.logs ?? 0)} />
        <Figure name="Metric points" value={formatCount(metrics)} note={perSecond(rates.metrics ?? 0)} />
        <Figure
          name="Exporters"
          value={formatWhole(status.ingest.exporters.length)}
          note={`${status.ingest.connections ?? 0} connections`}
        />
        <Figure name="On disk" value={formatBytes(disk)} note={`${formatCount(rows)} rows`} />
        <Figure
          name="Turned away"
          value={formatCount(trouble)}
          note={trouble > 0 && reason ? reason : 'nothing was dropped'}
          bad={trouble > 0}
        />
        <Figure
          name="Running"
          value={formatAgo(parseInstant(status.started) ?? at, at).replace(' ago', '')}
          note={status.complete ? `version ${status.version}` : 'still reading its log'}
        />
      </dl>
    </section>
  );
}

function number(from: Record<string, unknown> | undefined, key: string): number {
  const value = from?.[key];
  return typeof value === 'number' ? value : 0;
}

function Figure({ name, value, note, bad = false }: { name: string; value: string; note: string; bad?: boolean }) {
  return (
    <div data-bad={bad || undefined}>
      <dt>{name}</dt>
      <dd className="figure">{value}</dd>
      <dd className="muted small truncate" title={note}>
        {note}
      </dd>
    </div>
  );
}

function ServicesCard({ along }: { along: Search }) {
  const { range } = useRange();
  const found = useQuery({
    queryKey: ['services', range],
    queryFn: ({ signal }) => listServices(range, signal),
    refetchInterval: 15_000,
  });
  // Those with the largest share of errors first, then the busiest.
  const rows = (found.data?.items ?? []).toSorted(
    (a, b) => b.error_count / (b.span_count || 1) - a.error_count / (a.span_count || 1) || b.span_count - a.span_count,
  );
  // A name that several have is told apart.
  const names = rows.map(row => row.name);
  const shared = new Set(names.filter((name, place) => names.indexOf(name) !== place));
  const columns: Column<ServiceWire>[] = [
    {
      key: 'name',
      head: 'Service',
      cell: row => (
        <Link to="/services/$name" params={{ name: row.name }} search={along as never} className="plain">
          <ServiceName name={row.name} />
          {shared.has(row.name) && (
            <span className="muted small"> {[row.namespace, row.environment].filter(Boolean).join(' · ')}</span>
          )}
        </Link>
      ),
    },
    { key: 'spans', head: 'Spans', num: true, cell: row => formatCount(row.span_count) },
    {
      key: 'errors',
      head: 'Errors',
      num: true,
      cell: row =>
        row.error_count > 0 ? (
          <span className="error-text">{formatShare(row.error_count, row.span_count)}</span>
        ) : (
          <span className="muted">0 %</span>
        ),
    },
    {
      key: 'p50',
      head: 'p50',
      num: true,
      cell: row => (row.p50_nano === undefined ? '–' : formatDuration(row.p50_nano)),
    },
    {
      key: 'p95',
      head: 'p95',
      num: true,
      cell: row => (row.p95_nano === undefined ? '–' : formatDuration(row.p95_nano)),
    },
  ];
  return (
    <section className="card" aria-labelledby="home-services">
      <div className="card-head">
        <h2 id="home-services">Services</h2>
        <Link to="/services" search={along as never} className="small">
          All services
        </Link>
      </div>
      {found.isPending ? (
        <Loading what="Counting services" />
      ) : found.isError ? (
        <Failed what="Services could not be listed" error={found.error} retry={() => void found.refetch()} />
      ) : rows.length === 0 ? (
        <Empty title="No spans in this range">Nothing arrived in the chosen time. Widen the range above.</Empty>
      ) : (
        <Table
          label="Services"
          rows={rows.slice(0, 10)}
          columns={columns}
          rowKey={row => `${row.namespace} ${row.name}`}
        />
      )}
    </section>
  );
}

function ErrorsCard({ along }: { along: Search }) {
  const { range } = useRange();
  const found = useQuery({
    queryKey: ['errors', range],
    queryFn: ({ signal }) => errorGroups(range, signal),
    refetchInterval: 15_000,
  });
  const now = nanosOfMillis(Date.now());
  return (
    <section className="card" aria-labelledby="home-errors">
      <div className="card-head">
        <h2 id="home-errors">Recent errors</h2>
        <Link to="/traces" search={{ ...along, q: 'status:error' } as never} className="small">
          Traces with errors
        </Link>
      </div>
      {found.isPending ? (
        <Loading what="Grouping errors" />
      ) : found.isError ? (
        <Failed what="Errors could not be listed" error={found.error} retry={() => void found.refetch()} />
      ) : found.data.items.length === 0 ? (
        <Empty title="No errors in this range" />
      ) : (
        <>
          <ul className="error-groups">
            {found.data.items.map(group => (
              <li key={`${group.service_name} ${group.name} ${group.exception_type} ${group.message}`}>
                <ErrorRow group={group} now={now} along={along} />
              </li>
            ))}
          </ul>
          {found.data.newestOf !== undefined && (
            <p className="muted small error-groups-note">
              Counted over the newest {formatWhole(found.data.newestOf)} failed spans.
            </p>
          )}
        </>
      )}
    </section>
  );
}

function ErrorRow({ group, now, along }: { group: ErrorGroupWire; now: Nanos; along: Search }) {
  const q = [fieldTerm('service', group.service_name), fieldTerm('name', group.name), 'status:error'].join(' ');
  return (
    <>
      <div className="error-group-main">
        <Link to="/traces" search={{ ...along, q } as never} className="plain error-group-title">
          {group.exception_type && <strong>{group.exception_type}</strong>}
          <span>{group.message || group.name}</span>
        </Link>
        <div className="muted small error-group-where">
          <ServiceName name={group.service_name} />
          <span className="truncate">{group.name}</span>
        </div>
      </div>
      <div className="error-group-count">
        <strong>{formatCount(group.count)}</strong>
        <span className="muted small">{formatAgo(parseInstant(group.last) ?? now, now)}</span>
      </div>
      {group.sample_trace_id && (
        <Link
          to="/trace/$id"
          params={{ id: group.sample_trace_id }}
          className="button quiet icon-only"
          aria-label={`Open a trace of ${group.message || group.name}`}
          title="Open a trace"
        >
          <Icon name="right" />
        </Link>
      )}
    </>
  );
}

function ExportersCard({ status }: { status: StatusWire }) {
  const now = parseInstant(status.now) ?? 0n;
  const sum = (counts: ExporterWire['accepted']) => Object.values(counts).reduce((total, one) => total + (one ?? 0), 0);
  const columns: Column<ExporterWire>[] = [
    { key: 'service', head: 'Exporter', cell: row => <ServiceName name={row.service} /> },
    {
      key: 'sdk',
      head: 'SDK',
      cell: row => (
        <span className="muted truncate exporter-sdk" title={row.sdk}>
          {row.sdk.replace(/ ?opentelemetry/i, '').trim() || '–'}
        </span>
      ),
    },
    {
      key: 'from',
      head: 'From',
      cell: row => (
        <span className="muted nowrap">
          {row.address} · {row.transport}
        </span>
      ),
    },
    { key: 'accepted', head: 'Records', num: true, cell: row => formatCount(sum(row.accepted)) },
    {
      key: 'rejected',
      head: 'Turned away',
      num: true,
      cell: row => {
        const count = sum(row.rejected) + row.refused_requests;
        return count > 0 ? (
          <span className="error-text" title={row.last_reason}>
            {formatCount(count)}
          </span>
        ) : (
          <span className="muted">0</span>
        );
      },
    },
    {
      key: 'seen',
      head: 'Seen',
      num: true,
      cell: row => <span className="muted">{formatAgo(parseInstant(row.last_seen) ?? now, now)}</span>,
    },
  ];
  const reasons = status.ingest.exporters.filter(one => one.last_reason);
  return (
    <section className="card" aria-labelledby="home-exporters">
      <div className="card-head">
        <h2 id="home-exporters">Exporters</h2>
        <span className="muted small">since the server started</span>
      </div>
      {status.ingest.exporters.length === 0 ? (
        <Empty title="Nothing was sent since the server started" />
      ) : (
        <Table
          label="Exporters"
          rows={status.ingest.exporters.slice(0, 20)}
          columns={columns}
          rowKey={row => `${row.service} ${row.sdk} ${row.address}`}
        />
      )}
      {reasons.length > 0 && (
        <ul className="reasons">
          {reasons.slice(0, 3).map(one => (
            <li key={`${one.service} ${one.address}`}>
              <Icon name="warning" />
              <span>
                <strong>{one.service || one.address}</strong>: {one.last_reason}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function RecentCard() {
  const visits = useVisits();
  const now = nanosOfMillis(Date.now());
  return (
    <section className="card" aria-labelledby="home-recent">
      <div className="card-head">
        <h2 id="home-recent">Opened here</h2>
      </div>
      {visits.length === 0 ? (
        <Empty title="No trace was opened in this browser yet">
          Press <kbd>Ctrl</kbd> <kbd>K</kbd> and paste a trace id, or look through the <Link to="/traces">traces</Link>.
        </Empty>
      ) : (
        <ul className="visits">
          {visits.slice(0, 8).map(visit => (
            <li key={visit.id}>
              <Link to="/trace/$id" params={{ id: visit.id }} className="plain truncate">
                {visit.name || visit.id}
              </Link>
              <code className="muted">{visit.id.slice(0, 8)}</code>
              <span className="muted small">{formatAgo(nanosOfMillis(visit.at), now)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
