// How to point an exporter here, and a list that lights up when it works.

import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { sendTestTrace } from '../../api/status';
import { searchTraces } from '../../api/traces';
import type { StatusWire } from '../../api/wire';
import { CopyBlock, CopyButton } from '../../parts/Copy';
import { Icon } from '../../parts/Icon';
import { Tabs } from '../../parts/Tabs';
import { type Step, steps } from './checklist';
import { type Place, snippets, targetOf } from './snippets';

const PLACES: { key: Place; label: string }[] = [
  { key: 'here', label: 'This machine' },
  { key: 'docker', label: 'From Docker' },
  { key: 'kubernetes', label: 'From Kubernetes' },
];

export function Connect({ status, first = false }: { status: StatusWire; first?: boolean }) {
  const [place, setPlace] = useState<Place>('here');
  const [language, setLanguage] = useState('env');
  const { otlp_http, otlp_grpc } = status.endpoints;
  const token = status.auth?.token_needed ?? false;
  const { target, all } = useMemo(() => {
    const target = targetOf({ otlp_http, otlp_grpc }, place, location.hostname, token);
    return { target, all: snippets(target, Date.now()) };
  }, [otlp_http, otlp_grpc, place, token]);
  const chosen = all.find(one => one.key === language) ?? all[0]!;
  const loopback = /^(127\.|\[::1\]|localhost)/.test(otlp_http);
  return (
    <div className="connect">
      <div className="connect-how">
        {first && (
          <header className="connect-head">
            <h1>Point an exporter here</h1>
            <p className="muted">
              Hopline takes OpenTelemetry over OTLP. Send a test trace to see one at once, or copy the settings for your
              service.
            </p>
          </header>
        )}
        <section className="card" aria-label="Endpoints">
          <div className="card-head">
            <h2>Endpoints</h2>
            <div className="segmented" role="group" aria-label="Where the service runs">
              {PLACES.map(one => (
                <button key={one.key} type="button" aria-pressed={place === one.key} onClick={() => setPlace(one.key)}>
                  {one.label}
                </button>
              ))}
            </div>
          </div>
          <dl className="endpoints">
            <Endpoint name="OTLP over HTTP" about="protobuf or JSON" value={target.http} />
            <Endpoint name="OTLP over gRPC" about="protobuf" value={target.grpc} />
          </dl>
          {place !== 'here' && loopback && (
            <p className="connect-note">
              <Icon name="info" />
              <span>
                This server listens on {otlp_http.replace(/:\d+$/, '')} only. To be reached from outside the machine it
                needs <code>--otlp-http 0.0.0.0:4318</code> and a token; <code>deploy/</code> holds a compose file and a
                Collector for Kubernetes.
              </span>
            </p>
          )}
          {token && (
            <p className="connect-note">
              <Icon name="info" />
              <span>This server asks for a token: set HOPLINE_TOKEN where the service runs.</span>
            </p>
          )}
        </section>
        <section className="card connect-settings" aria-label="Settings by language">
          <Tabs
            label="Language"
            tabs={all.map(({ key, label }) => ({ key, label }))}
            chosen={language}
            onChoose={setLanguage}
          >
            <p className="muted connect-about">{chosen.about}</p>
            <CopyBlock key={chosen.key} text={chosen.text} label={`Settings for ${chosen.label}`} />
          </Tabs>
        </section>
      </div>
      <Checklist status={status} />
    </div>
  );
}

function Endpoint({ name, about, value }: { name: string; about: string; value: string }) {
  return (
    <div>
      <dt>
        {name} <span className="muted small">{about}</span>
      </dt>
      <dd>
        <code>{value}</code>
        <CopyButton text={value} label="Copy" />
      </dd>
    </div>
  );
}

function Checklist({ status }: { status: StatusWire }) {
  const list = steps(status);
  const spans = list.find(step => step.key === 'spans')?.state === 'done';
  const test = useMutation({ mutationFn: sendTestTrace });
  const newest = useQuery({
    queryKey: ['newest trace'],
    queryFn: async ({ signal }) =>
      (await searchTraces({ q: '', from: 'now-24h', to: 'now' }, 1, undefined, signal)).items[0] ?? null,
    enabled: spans,
    refetchInterval: query => (query.state.data ? false : 1000),
    meta: { quiet: true },
  });
  const open = test.data?.trace_id ?? newest.data?.id;
  return (
    <aside className="card checklist" aria-label="What has arrived">
      <div className="card-head">
        <h2>What has arrived</h2>
        <span className="muted small">live</span>
      </div>
      <ol aria-live="polite">
        {list.map(step => (
          <StepRow key={step.key} step={step} />
        ))}
      </ol>
      <div className="checklist-actions">
        {open ? (
          <Link to="/trace/$id" params={{ id: open }} className="button primary wide">
            <Icon name="traces" />
            {test.data ? 'Open the test trace' : 'Open your first trace'}
          </Link>
        ) : (
          <button type="button" className="button primary wide" disabled={test.isPending} onClick={() => test.mutate()}>
            <Icon name="send" />
            {test.isPending ? 'Sending' : 'Send test trace'}
          </button>
        )}
        {open && (
          <button type="button" className="button wide" disabled={test.isPending} onClick={() => test.mutate()}>
            <Icon name="send" />
            {test.data ? 'Send another test trace' : 'Send test trace'}
          </button>
        )}
        {test.isError && (
          <p className="field-error" role="alert">
            {test.error.message}
          </p>
        )}
        <p className="muted small">
          The test trace goes through the real OTLP door and is marked <code>hopline.test=true</code>. For more,{' '}
          <code>hopline demo</code> runs an online shop.
        </p>
      </div>
    </aside>
  );
}

function StepRow({ step }: { step: Step }) {
  const icon = { waiting: 'circle', done: 'check', failed: 'error' } as const;
  const words = { waiting: 'waiting', done: 'done', failed: 'failed' };
  return (
    <li className="step" data-state={step.state}>
      <Icon name={icon[step.state]} label={words[step.state]} />
      <div>
        <p className="step-label">{step.label}</p>
        <p className="muted small step-note">{step.note}</p>
      </div>
    </li>
  );
}
