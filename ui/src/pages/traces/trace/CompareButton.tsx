// Which trace to lay beside this one: a request of the same kind, one that was open before, or any by its id.

import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { searchTraces } from '../../../api/traces';
import { formatDuration } from '../../../model/format';
import { formatInstant, HOUR, writeInstant } from '../../../model/time';
import type { Trace } from '../../../model/trace';
import { traceIdIn } from '../../../model/traceId';
import { Icon } from '../../../parts/Icon';
import { Popover } from '../../../parts/Popover';
import { usePreferences } from '../../../state/preferences';
import { useVisits } from '../../../state/visited';
import { offer } from './compareOffer';
import './compare-picker.css';

const ASKED = 50;
const VISITS_OFFERED = 4;

export function CompareButton({ trace, usual }: { trace: Trace; usual: number | undefined }) {
  return (
    <Popover
      label="Compare with another trace"
      className="compare-picker"
      button={
        <>
          <Icon name="compare" />
          Compare
        </>
      }
    >
      {close => <Picker trace={trace} usual={usual} onDone={close} />}
    </Popover>
  );
}

function Picker({ trace, usual, onDone }: { trace: Trace; usual: number | undefined; onDone: () => void }) {
  const navigate = useNavigate();
  const { zone } = usePreferences();
  const visits = useVisits();
  const [typed, setTyped] = useState('');
  const id = traceIdIn(typed);
  const { service, name } = trace.summary;
  const alike = useQuery({
    queryKey: ['trace', trace.id, 'alike'],
    queryFn: ({ signal }) =>
      searchTraces(
        {
          q: `root.service:${quoted(service)} root.name:${quoted(name)}`,
          from: writeInstant(trace.startUnixNano - 6n * HOUR),
          to: writeInstant(trace.startUnixNano + HOUR),
        },
        ASKED,
        undefined,
        signal,
      ),
    meta: { quiet: true },
  });
  const open = (other: string) => {
    onDone();
    void navigate({ to: '/trace/$id/compare/$other', params: { id: trace.id, other } as never, search: {} as never });
  };
  const offered = offer(alike.data?.items ?? [], trace.id, usual);
  const opened = visits.filter(visit => visit.id !== trace.id).slice(0, VISITS_OFFERED);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (id && id !== trace.id) open(id);
  };
  return (
    <form className="compare-form" onSubmit={onSubmit}>
      <input
        className="input"
        aria-label="Id of the other trace"
        placeholder="Paste a trace id, or choose below"
        value={typed}
        aria-invalid={typed.trim() !== '' && (!id || id === trace.id)}
        onChange={event => setTyped(event.target.value)}
      />
      {typed.trim() !== '' && (
        <p className="muted small" role="status">
          {id === trace.id ? 'That is this trace.' : id ? 'Enter compares with it.' : 'A trace id has 32 hex digits.'}
        </p>
      )}
      <h2>Same kind of request</h2>
      {offered.length === 0 ? (
        <p className="muted">{alike.isPending ? 'Looking…' : 'None within six hours before.'}</p>
      ) : (
        <ul className="menu">
          {offered.map(({ item, note }) => (
            <li key={item.id}>
              <button type="button" onClick={() => open(item.id)}>
                <span className="number compare-took">{formatDuration(item.duration)}</span>
                <span>{note}</span>
                {item.failed && <span className="error-text">failed</span>}
                <span className="muted compare-when">{formatInstant(item.start, zone, 'second')}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {opened.length > 0 && (
        <>
          <h2>Opened before</h2>
          <ul className="menu">
            {opened.map(visit => (
              <li key={visit.id}>
                <button type="button" onClick={() => open(visit.id)}>
                  <span>{visit.name}</span>
                  <code className="muted compare-when">{visit.id.slice(0, 8)}</code>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </form>
  );
}

const quoted = (value: string) => `"${value.replaceAll('"', '\\"')}"`;
