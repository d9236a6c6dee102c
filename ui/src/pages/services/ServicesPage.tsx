import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { listServices } from '../../api/services';
import type { ServiceWire } from '../../api/wire';
import { formatCount, formatShare } from '../../model/format';
import { formatAgo, nanosOfMillis, parseInstant } from '../../model/time';
import { ServiceName } from '../../parts/Chip';
import { Nothing } from '../../parts/Nothing';
import { Failed, Loading, Warnings } from '../../parts/Notice';
import { type Column, Table } from '../../parts/Table';
import { usePreferences } from '../../state/preferences';
import { carried, useAddress, useRange } from '../../state/url';
import { measures } from './measures';
import './services.css';

export function ServicesPage() {
  const { search, set } = useAddress();
  const { range, setRange } = useRange();
  const { zone } = usePreferences();
  const found = useQuery({ queryKey: ['services', range], queryFn: ({ signal }) => listServices(range, signal) });
  const filter = (search.q ?? '').toLowerCase();
  const all = found.data?.items ?? [];
  const rows = all.filter(one => one.name.toLowerCase().includes(filter));
  const along = carried(search);
  const now = nanosOfMillis(Date.now());
  const several = new Set(all.map(one => one.environment ?? '')).size > 1;
  const columns: Column<ServiceWire>[] = [
    {
      key: 'name',
      head: 'Service',
      by: row => row.name,
      cell: row => (
        <span className="service-cell">
          <Link to="/services/$name" params={{ name: row.name }} search={along as never} className="plain strong">
            <ServiceName name={row.name} />
          </Link>
          {(several || row.namespace) && (
            <span className="muted small">{[row.namespace, row.environment].filter(Boolean).join(' · ')}</span>
          )}
        </span>
      ),
    },
    ...measures(all),
    {
      key: 'logs',
      head: 'Logs',
      num: true,
      by: row => row.log_count ?? 0,
      cell: row => formatCount(row.log_count ?? 0),
    },
    {
      key: 'versions',
      head: 'Versions',
      cell: row => <span className="mono muted">{row.versions?.slice(0, 3).join(', ') || '–'}</span>,
    },
    {
      key: 'seen',
      head: 'Last seen',
      num: true,
      by: row => row.last_seen ?? '',
      cell: row => (
        <span className="muted">{row.last_seen ? formatAgo(parseInstant(row.last_seen) ?? now, now) : '–'}</span>
      ),
    },
  ];
  return (
    <div className="page">
      <div className="page-head">
        <h1>Services</h1>
        {found.data && <span className="muted">{formatCount(all.length)} in this range</span>}
        <input
          className="input services-filter"
          aria-label="Filter services by name"
          placeholder="Filter by name"
          data-query=""
          value={search.q ?? ''}
          onChange={event => set({ q: event.target.value || undefined })}
        />
      </div>
      {found.data && <Warnings items={found.data.warnings ?? []} complete={found.data.complete} />}
      <section className="card">
        {found.isPending ? (
          <Loading what="Counting services" />
        ) : found.isError ? (
          <Failed what="Services could not be listed" error={found.error} retry={() => void found.refetch()} />
        ) : rows.length === 0 ? (
          <Nothing
            what="services"
            q={search.q ?? ''}
            range={range}
            zone={zone}
            onQuery={q => set({ q: q || undefined })}
            onRange={setRange}
          />
        ) : (
          <Table
            label="Services"
            rows={rows}
            columns={columns}
            rowKey={row => `${row.namespace ?? ''} ${row.name} ${row.environment ?? ''}`}
            sort={search.sort ?? '-errors'}
            onSort={sort => set({ sort: sort === '-errors' ? undefined : sort })}
          />
        )}
      </section>
      {rows.length > 0 && (
        <p className="muted small services-note">
          Errors are {formatShare(sum(rows, 'error_count'), sum(rows, 'span_count'))} of{' '}
          {formatCount(sum(rows, 'span_count'))} spans.
        </p>
      )}
    </div>
  );
}

const sum = (rows: ServiceWire[], key: 'error_count' | 'span_count') =>
  rows.reduce((total, row) => total + row[key], 0);
