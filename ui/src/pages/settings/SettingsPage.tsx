import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useId } from 'react';
import { logOut, status } from '../../api/status';
import { formatWhole } from '../../model/format';
import { nanosOfMillis, zoneName } from '../../model/time';
import { CopyButton } from '../../parts/Copy';
import { Failed } from '../../parts/Notice';
import { printKeys, useRegisteredHotkeys } from '../../state/hotkeys';
import { type Preferences, setPreferences, usePreferences } from '../../state/preferences';
import { Questions } from './Questions';
import { Sizes } from './Sizes';
import './settings.css';

export function SettingsPage() {
  const chosen = usePreferences();
  const queries = useQueryClient();
  const state = useQuery({ queryKey: ['status'], queryFn: ({ signal }) => status(signal) });
  const keys = useRegisteredHotkeys();
  const now = nanosOfMillis(Date.now());
  const endpoints = state.data?.endpoints;
  return (
    <div className="page settings">
      <h1>Settings</h1>
      <section className="card" aria-labelledby="settings-look">
        <h2 id="settings-look">This browser</h2>
        <Choice
          label="Theme"
          name="theme"
          options={[
            ['system', 'As the system'],
            ['light', 'Light'],
            ['dark', 'Dark'],
          ]}
          chosen={chosen.theme}
        />
        <Choice
          label="Times"
          name="zone"
          options={[
            ['local', `Browser’s zone (${zoneName('local', now)})`],
            ['utc', 'UTC'],
          ]}
          chosen={chosen.zone}
        />
        <Choice
          label="Density"
          name="density"
          options={[
            ['dense', 'Dense'],
            ['roomy', 'Roomy'],
          ]}
          chosen={chosen.density}
        />
        <div className="setting">
          <span id="single-keys">Single keys</span>
          <label className="setting-check">
            <input
              type="checkbox"
              checked={chosen.singleKeys}
              onChange={event => setPreferences({ singleKeys: event.target.checked })}
            />
            Keys such as <kbd>j</kbd> and <kbd>/</kbd> act without Ctrl
          </label>
        </div>
      </section>
      <section className="card" aria-labelledby="settings-endpoints">
        <h2 id="settings-endpoints">Endpoints of this server</h2>
        {state.isError && (
          <Failed what="The server did not say" error={state.error} retry={() => void state.refetch()} />
        )}
        {endpoints &&
          (
            [
              ['OTLP over HTTP', endpoints.otlp_http],
              ['OTLP over gRPC', endpoints.otlp_grpc],
              ['Page and API', endpoints.http],
            ] as const
          ).map(([name, value]) => (
            <div className="setting" key={name}>
              <span>{name}</span>
              <span className="setting-value">
                <code>{value}</code>
                <CopyButton text={value} />
              </span>
            </div>
          ))}
        <div className="setting">
          <span>API</span>
          <span>
            <a href="/docs">Description</a>, <a href="/openapi.json">OpenAPI</a>,{' '}
            <a href="/metrics">metrics of this server</a>
          </span>
        </div>
        {state.data?.auth?.token_needed && (
          <div className="setting">
            <span>Session</span>
            <button
              type="button"
              className="button"
              onClick={() => void logOut().then(() => queries.invalidateQueries())}
            >
              Log out
            </button>
          </div>
        )}
      </section>
      {state.data?.ingest.redaction && state.data.ingest.redaction.length > 0 && (
        <section className="card" aria-labelledby="settings-redaction">
          <h2 id="settings-redaction">What is replaced before it is stored</h2>
          {state.data.ingest.redaction.map(rule => (
            <div className="setting" key={rule.name}>
              <span>{rule.name}</span>
              <span className="muted">
                {rule.action} · {formatWhole(rule.redacted)} values since the server started
              </span>
            </div>
          ))}
        </section>
      )}
      <Questions />
      {state.data?.sizes && state.data.sizes.datasets.length > 0 && <Sizes sizes={state.data.sizes} />}
      <section className="card" aria-labelledby="settings-keys">
        <h2 id="settings-keys">Keyboard</h2>
        <dl className="settings-keys">
          {keys.map(one => (
            <div key={`${one.group} ${one.keys}`}>
              <dt>
                <span className="muted">{one.group} ·</span> {one.about}
              </dt>
              <dd>
                {printKeys(one.keys).map(key => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <p className="muted small">
        Hopline {state.data?.version}. Ingest keys, retention and limits are set where the server runs: a TOML file,
        HOPLINE_* variables or flags.
      </p>
    </div>
  );
}

function Choice<K extends 'theme' | 'zone' | 'density'>({
  label,
  name,
  options,
  chosen,
}: {
  label: string;
  name: K;
  options: [Preferences[K], string][];
  chosen: Preferences[K];
}) {
  const id = useId();
  return (
    <div className="setting">
      <span id={id}>{label}</span>
      <div className="segmented" role="group" aria-labelledby={id}>
        {options.map(([value, words]) => (
          <button
            key={value}
            type="button"
            aria-pressed={chosen === value}
            onClick={() => setPreferences({ [name]: value } as Partial<Preferences>)}
          >
            {words}
          </button>
        ))}
      </div>
    </div>
  );
}
