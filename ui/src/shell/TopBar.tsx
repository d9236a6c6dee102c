import { useIsFetching } from '@tanstack/react-query';
import { useRouterState } from '@tanstack/react-router';
import { CopyButton } from '../parts/Copy';
import { Icon } from '../parts/Icon';
import { TimeRange } from '../parts/TimeRange';
import { printKeys } from '../state/hotkeys';
import { setPreferences, usePreferences, useShownTheme } from '../state/preferences';
import { useRange } from '../state/url';

/** Pages that look at one thing or at none have no range of time. */
const TIMELESS = [/^\/trace\//, /^\/settings/, /^\/sql/];

export function TopBar({
  pickTime,
  onPalette,
  onRefresh,
  onTheme,
}: {
  pickTime: number;
  onPalette: () => void;
  onRefresh: () => void;
  onTheme: () => void;
}) {
  const { zone } = usePreferences();
  const { range, mistake, setRange } = useRange();
  const path = useRouterState({ select: state => state.location.pathname });
  const busy = useIsFetching({ predicate: query => query.meta?.quiet !== true }) > 0;
  const theme = useShownTheme();
  const timeless = TIMELESS.some(one => one.test(path));
  return (
    <header className="bar">
      <button type="button" className="finder" onClick={onPalette}>
        <Icon name="search" />
        <span>Trace id, service or command</span>
        <span className="keys" aria-hidden="true">
          {printKeys('Mod+K').map(key => (
            <kbd key={key}>{key}</kbd>
          ))}
        </span>
      </button>
      {mistake && (
        <span className="bar-mistake" role="alert">
          <Icon name="warning" />
          {mistake}; showing the last hour
        </span>
      )}
      <div className="bar-right">
        {!timeless && (
          <TimeRange
            range={range}
            zone={zone}
            onChange={setRange}
            onZone={next => setPreferences({ zone: next })}
            open={pickTime}
          />
        )}
        <button
          type="button"
          className="button quiet icon-only"
          onClick={onRefresh}
          aria-label="Ask again"
          title="Ask again (r)"
        >
          <span className={busy ? 'spinning' : undefined}>
            <Icon name="refresh" />
          </span>
        </button>
        <CopyButton text={location.href} label="Copy link" />
        <button
          type="button"
          className="button quiet icon-only"
          onClick={onTheme}
          aria-label={theme === 'dark' ? 'Use the light theme' : 'Use the dark theme'}
          title="Light or dark (Shift D)"
        >
          <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
        </button>
      </div>
    </header>
  );
}
