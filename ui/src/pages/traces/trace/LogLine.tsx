import { formatDuration } from '../../../model/format';
import type { TraceLog } from '../../../model/trace';

/** One log record in a line or a few. */
export function LogLine({ log, since = 0, onOpen }: { log: TraceLog; since?: number; onOpen?: () => void }) {
  const { severity, line } = log.log;
  const bad = severity === 'error' || severity === 'fatal';
  const words = (
    <>
      <span className="log-severity" data-severity={severity}>
        {severity === 'unspecified' ? 'log' : severity}
      </span>
      <span className="log-offset muted number">+{formatDuration(log.at - since)}</span>
      <span className={bad ? 'log-body error-text' : 'log-body'}>{line}</span>
    </>
  );
  return (
    <li className="log-line">
      {onOpen ? (
        <button type="button" onClick={onOpen}>
          {words}
        </button>
      ) : (
        <div>{words}</div>
      )}
    </li>
  );
}
