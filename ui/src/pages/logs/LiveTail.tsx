// New logs as the server sends them. Scrolling up pauses, and says how many wait.

import { useEffect, useRef, useState } from 'react';
import { tailLogs } from '../../api/logs';
import { formatWhole } from '../../model/format';
import type { Zone } from '../../model/time';
import type { Log } from '../../model/types';
import { Icon } from '../../parts/Icon';
import { Empty } from '../../parts/Notice';
import { useHotkeys } from '../../state/hotkeys';
import { LogList } from './LogList';

/** Rows kept on screen; older ones are still in the list view. */
const KEPT = 5000;

export function LiveTail({
  q,
  zone,
  chosen,
  onChoose,
}: {
  q: string;
  zone: Zone;
  chosen: string | undefined;
  onChoose: (log: Log | undefined) => void;
}) {
  const [logs, setLogs] = useState<Log[]>([]);
  const [waiting, setWaiting] = useState(0);
  const [lost, setLost] = useState(0);
  const [down, setDown] = useState(false);
  const [paused, setPaused] = useState(false);
  const state = useRef({ paused: false, arrived: [] as Log[] });
  state.current.paused = paused;

  useEffect(() => {
    const arrived = state.current.arrived;
    const stop = tailLogs(q, {
      log: log => {
        setDown(false);
        arrived.push(log);
        if (arrived.length > KEPT) arrived.shift();
      },
      lost: count => setLost(before => before + count),
      down: () => setDown(true),
    });
    // Many lines a second become a few paints.
    const timer = setInterval(() => {
      if (arrived.length === 0) return;
      if (state.current.paused) setWaiting(arrived.length);
      else setLogs(before => [...before, ...arrived.splice(0)].slice(-KEPT));
    }, 120);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [q]);

  const resume = () => {
    setPaused(false);
    setWaiting(0);
    setLogs(before => [...before, ...state.current.arrived.splice(0)].slice(-KEPT));
  };
  useHotkeys([{ keys: 'End', about: 'Follow again', group: 'Logs', run: resume, hidden: true }]);
  return (
    <div className="live">
      <div className="live-bar" data-paused={paused || undefined} role="status">
        <Icon name={paused ? 'pause' : 'live'} />
        {paused ? (
          <>
            <span>Paused · {formatWhole(waiting)} new</span>
            <button type="button" className="button" onClick={resume}>
              Follow again <kbd>End</kbd>
            </button>
          </>
        ) : (
          <>
            <span>{down ? 'Connection lost, trying again' : 'Following'}</span>
            <button type="button" className="button quiet" onClick={() => setPaused(true)}>
              Pause
            </button>
          </>
        )}
        {lost > 0 && (
          <span className="error-text">{formatWhole(lost)} not shown: more arrive than fit. Narrow the query.</span>
        )}
      </div>
      {logs.length === 0 ? (
        <Empty title="Waiting for the next log">
          {q ? (
            <>
              Only those that match <code>{q}</code> are shown.
            </>
          ) : (
            'It appears here when a service sends one.'
          )}
        </Empty>
      ) : (
        <LogList
          logs={logs}
          zone={zone}
          chosen={chosen}
          onChoose={onChoose}
          follow={!paused}
          onScrolled={atFoot => {
            if (!atFoot && !state.current.paused && logs.length > 40) setPaused(true);
          }}
        />
      )}
    </div>
  );
}
