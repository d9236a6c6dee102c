import { Link } from '@tanstack/react-router';
import { Icon, type IconName } from '../parts/Icon';
import { setPreferences } from '../state/preferences';
import type { Search } from '../state/search';
import { carried } from '../state/url';

const PAGES: { to: string; label: string; icon: IconName; also?: string }[] = [
  { to: '/', label: 'Home', icon: 'home' },
  { to: '/traces', label: 'Traces', icon: 'traces', also: '/trace/' },
  { to: '/logs', label: 'Logs', icon: 'logs' },
  { to: '/services', label: 'Services', icon: 'services' },
  { to: '/map', label: 'Map', icon: 'map' },
  { to: '/sql', label: 'SQL', icon: 'sql' },
];

export function Rail({ open }: { open: boolean }) {
  return (
    <nav className="rail" aria-label="Pages">
      <Link to="/" className="brand" aria-label="Hopline, home">
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
          <path d="M4 5h7.5v7H19v7" />
          <circle cx="4" cy="5" r="2.6" />
          <circle cx="11.5" cy="12" r="2.6" />
          <circle cx="19" cy="19" r="2.6" className="brand-last" />
        </svg>
        <span className="rail-label">Hopline</span>
      </Link>
      <ul>
        {PAGES.map(page => (
          <li key={page.to}>
            <RailLink {...page} open={open} />
          </li>
        ))}
      </ul>
      <ul className="rail-foot">
        <li>
          <RailLink to="/settings" label="Settings" icon="settings" open={open} />
        </li>
        <li>
          <button
            type="button"
            className="rail-link"
            aria-expanded={open}
            aria-label={open ? 'Make the rail narrow' : 'Make the rail wide'}
            onClick={() => setPreferences({ railOpen: !open })}
          >
            <Icon name={open ? 'left' : 'right'} />
            <span className="rail-label">Narrow</span>
          </button>
        </li>
      </ul>
    </nav>
  );
}

function RailLink({
  to,
  label,
  icon,
  also,
  open,
}: {
  to: string;
  label: string;
  icon: IconName;
  also?: string;
  open: boolean;
}) {
  return (
    <Link
      to={to}
      search={((before: Search) => carried(before)) as never}
      className="rail-link"
      title={open ? undefined : label}
      activeOptions={{ exact: to === '/', includeSearch: false }}
      data-also={also && location.pathname.startsWith(also) ? 'active' : undefined}
    >
      <Icon name={icon} />
      <span className="rail-label">{label}</span>
    </Link>
  );
}
