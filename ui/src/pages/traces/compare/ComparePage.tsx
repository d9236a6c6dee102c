// Two traces side by side: where the second took longer, what only one of them did, and how their requests differed.

import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useMemo } from 'react';
import { ApiError } from '../../../api/client';
import { compareTraces } from '../../../api/related';
import { formatDuration, plural } from '../../../model/format';
import { formatInstant } from '../../../model/time';
import { type Comparison, differing, movers, selfDelta } from '../../../model/traceCompare';
import type { TraceSummary } from '../../../model/types';
import { ServiceName } from '../../../parts/Chip';
import { Icon } from '../../../parts/Icon';
import { Empty, Failed, Loading, Warnings } from '../../../parts/Notice';
import { useHotkeys } from '../../../state/hotkeys';
import { usePreferences } from '../../../state/preferences';
import { useAddress } from '../../../state/url';
import { CompareTable } from './CompareTable';
import { formatDelta } from './delta';
import './compare.css';

const STALE_MS = 5 * 60_000;
const MOVERS = 3;

export function ComparePage() {
  const { id = '', other = '' } = useParams({ strict: false }) as { id?: string; other?: string };
  const { search, set } = useAddress();
  const asked = useQuery({
    queryKey: ['compare', id, other],
    queryFn: ({ signal }) => compareTraces(id, other, signal),
    staleTime: STALE_MS,
  });
  const all = search.show === 'all';
  const steps = useMemo(() => {
    const found = asked.data?.steps ?? [];
    return all ? found : differing(found);
  }, [asked.data, all]);
  const toggle = () => set({ show: all ? undefined : 'all' });
  useHotkeys([{ keys: 'd', about: 'Only differences, or all steps', group: 'Compare', run: toggle }]);

  if (asked.error) {
    if (!(asked.error instanceof ApiError && asked.error.status === 404))
      return <Failed error={asked.error} what="The traces could not be compared" retry={() => void asked.refetch()} />;
    return (
      <Empty
        title="One of the two traces is not there"
        actions={
          <Link to="/trace/$id" params={{ id }} className="button">
            Back to the first
          </Link>
        }
      >
        <p>{asked.error.message}</p>
      </Empty>
    );
  }
  if (!asked.data) return <Loading what="Comparing" />;
  const { a, b } = asked.data;
  if (!a || !b) return <Empty title="One of the two traces has no spans yet" />;
  return (
    <div className="compare-page">
      <header className="compare-head">
        <div className="compare-title">
          <h1>Compare</h1>
          <Link
            to="/trace/$id/compare/$other"
            params={{ id: other, other: id }}
            search={search as never}
            className="button"
          >
            <Icon name="swap" />
            Swap
          </Link>
        </div>
        <div className="compare-sides">
          <SideCard mark="A" trace={a} />
          <SideCard mark="B" trace={b} than={a} />
        </div>
        <Said compared={asked.data} />
      </header>
      <Warnings items={asked.data.warnings} />
      <section className="compare-steps" aria-label="Steps">
        <div className="tab-tools">
          <h2>Steps</h2>
          <span className="muted" role="status">
            {all || steps.length === asked.data.steps.length
              ? `all ${plural(steps.length, 'step')}`
              : `${steps.length} of ${plural(asked.data.steps.length, 'step')}: what differs, and the way to it`}
          </span>
          <button type="button" className="button" aria-pressed={!all} onClick={toggle} title="d">
            Only differences
          </button>
        </div>
        {steps.length === 0 ? (
          <Empty title="The two traces made the same steps in about the same time" />
        ) : (
          <CompareTable steps={steps} a={a.id} b={b.id} />
        )}
      </section>
      <Differences compared={asked.data} />
    </div>
  );
}

function SideCard({ mark, trace, than }: { mark: 'A' | 'B'; trace: TraceSummary; than?: TraceSummary }) {
  const { zone } = usePreferences();
  return (
    <div className="compare-side card" data-side={mark}>
      <span className="compare-mark" aria-hidden="true">
        {mark}
      </span>
      <div>
        <p className="compare-name">
          {trace.failed && <Icon name="error" label="failed" />}
          <ServiceName name={trace.service} />
          <Link to="/trace/$id" params={{ id: trace.id }}>
            {trace.name}
          </Link>
        </p>
        <p className="muted small">
          {formatInstant(trace.start, zone)} · {plural(trace.spans, 'span')} ·{' '}
          {trace.errors > 0 ? <span className="error-text">{plural(trace.errors, 'error')}</span> : 'no errors'} ·{' '}
          <code>{trace.id.slice(0, 8)}</code>
        </p>
      </div>
      <p className="compare-duration">
        <strong className="number">{formatDuration(trace.duration)}</strong>
        {than && <span className="muted">{formatDelta(trace.duration - than.duration)}</span>}
      </p>
    </div>
  );
}

/** The few steps that made the difference, in a sentence. */
function Said({ compared }: { compared: Comparison }) {
  const moved = movers(compared.steps, MOVERS).filter(step => Math.abs(selfDelta(step)) >= 1e6);
  if (moved.length === 0) return null;
  return (
    <ul className="compare-said" aria-label="What made the difference">
      {moved.map(step => (
        <li
          key={`${step.parent} ${step.service} ${step.name} ${step.kind}`}
          data-change={selfDelta(step) > 0 ? 'slower' : 'faster'}
        >
          <strong className="number">{formatDelta(selfDelta(step))}</strong> in <ServiceName name={step.service} />{' '}
          {step.name}
        </li>
      ))}
    </ul>
  );
}

/** Attributes of the two requests that are not equal. */
function Differences({ compared }: { compared: Comparison }) {
  if (compared.attributes.length === 0) return null;
  return (
    <section className="compare-attributes" aria-label="Attributes that differ">
      <div className="tab-tools">
        <h2>Attributes of the two requests that differ</h2>
      </div>
      <div className="table-wrap">
        <table className="table">
          <thead>
            <tr>
              <th>Attribute</th>
              <th>A</th>
              <th>B</th>
            </tr>
          </thead>
          <tbody>
            {compared.attributes.map(({ key, a, b }) => (
              <tr key={key}>
                <th scope="row">{key}</th>
                <td>{a ?? <span className="muted">not there</span>}</td>
                <td>{b ?? <span className="muted">not there</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
