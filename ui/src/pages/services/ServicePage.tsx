import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { oneService } from '../../api/services';
import { traceHeat } from '../../api/traces';
import { formatCount, formatShare } from '../../model/format';
import { durationLiteral, fieldTerm } from '../../model/query';
import { formatAgo, nanosOfMillis, parseInstant, resolveRange, writeInstant } from '../../model/time';
import { ServiceName } from '../../parts/Chip';
import { HeatMap } from '../../parts/HeatMap';
import { Icon } from '../../parts/Icon';
import { Nothing } from '../../parts/Nothing';
import { Failed, Loading } from '../../parts/Notice';
import { Tabs } from '../../parts/Tabs';
import { usePreferences } from '../../state/preferences';
import { carried, useAddress, useRange } from '../../state/url';
import '../../style/search.css';
import { duration } from './measures';
import { Dependencies, Operations, Versions } from './ServiceTabs';
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
              The figures above the tabs are those of {placeOf(one)}. Of the same name: {others.map(placeOf).join(', ')}
              .
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

/** Which of the services of one name. */
const placeOf = (one: { namespace?: string; environment?: string }) =>
  [one.namespace, one.environment].filter(Boolean).join(' · ') || 'the one without namespace and environment';
const round = (value: number) => (value < 10 ? Math.round(value * 100) / 100 : Math.round(value));
