// What stands around every page: rail, bar, palette, help, login.

import { useQueryClient } from '@tanstack/react-query';
import { Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { onUnauthorized } from '../api/client';
import { nanosOfMillis, shiftRange } from '../model/time';
import { copyText } from '../parts/Copy';
import { handleKey, useHotkeys } from '../state/hotkeys';
import { setPreferences, shownTheme, usePreferences } from '../state/preferences';
import type { Search } from '../state/search';
import { carried, useRange } from '../state/url';
import { LoginForm } from './LoginForm';
import { Palette } from './Palette';
import { Rail } from './Rail';
import { ServerGone } from './ServerGone';
import { ShortcutsHelp } from './ShortcutsHelp';
import { TopBar } from './TopBar';

export function Shell() {
  const [dialog, setDialog] = useState<'palette' | 'help' | undefined>();
  const [locked, setLocked] = useState(false);
  const [pickTime, setPickTime] = useState(0);
  const { railOpen } = usePreferences();
  const { range, setRange } = useRange();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const path = useRouterState({ select: state => state.location.pathname });

  useEffect(() => {
    window.addEventListener('keydown', handleKey);
    return () => window.removeEventListener('keydown', handleKey);
  }, []);
  useEffect(() => onUnauthorized(() => setLocked(true)) as () => void, []);
  useEffect(() => {
    document.title = titleOf(path);
  }, [path]);

  const refresh = () => void queries.invalidateQueries();
  const go = (to: string) => void navigate({ to, search: ((before: Search) => carried(before)) as never });
  const toggleTheme = () => setPreferences({ theme: shownTheme() === 'dark' ? 'light' : 'dark' });
  const now = () => nanosOfMillis(Date.now());
  useHotkeys([
    {
      keys: 'Mod+k',
      about: 'Find or run anything',
      group: 'Everywhere',
      run: () => setDialog('palette'),
      hidden: true,
    },
    { keys: '?', about: 'Keyboard shortcuts', group: 'Everywhere', run: () => setDialog('help') },
    {
      keys: '/',
      about: 'Go to the query',
      group: 'Everywhere',
      run: () => document.querySelector<HTMLElement>('[data-query]')?.focus(),
    },
    { keys: 't', about: 'Choose the time range', group: 'Everywhere', run: () => setPickTime(count => count + 1) },
    { keys: '[', about: 'Earlier', group: 'Everywhere', run: () => setRange(shiftRange(range, now(), -1)) },
    { keys: ']', about: 'Later', group: 'Everywhere', run: () => setRange(shiftRange(range, now(), 1)) },
    { keys: 'r', about: 'Ask again', group: 'Everywhere', run: refresh },
    { keys: 'y', about: 'Copy the link', group: 'Everywhere', run: () => void copyText(location.href) },
    { keys: 'Shift+D', about: 'Light or dark', group: 'Everywhere', run: toggleTheme },
    { keys: 'g h', about: 'Home', group: 'Go to', run: () => go('/') },
    { keys: 'g t', about: 'Traces', group: 'Go to', run: () => go('/traces') },
    { keys: 'g l', about: 'Logs', group: 'Go to', run: () => go('/logs') },
    { keys: 'g s', about: 'Services', group: 'Go to', run: () => go('/services') },
    { keys: 'g m', about: 'Map', group: 'Go to', run: () => go('/map') },
    { keys: 'g q', about: 'SQL', group: 'Go to', run: () => go('/sql') },
    { keys: 'g ,', about: 'Settings', group: 'Go to', run: () => go('/settings') },
  ]);

  if (locked) {
    return (
      <LoginForm
        onDone={() => {
          setLocked(false);
          queries.clear();
        }}
      />
    );
  }
  return (
    <div className="shell" data-rail={railOpen ? 'open' : 'closed'}>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Rail open={railOpen} />
      <TopBar pickTime={pickTime} onPalette={() => setDialog('palette')} onRefresh={refresh} onTheme={toggleTheme} />
      <ServerGone />
      <main id="main" tabIndex={-1}>
        <Outlet />
      </main>
      {dialog === 'palette' && <Palette onClose={() => setDialog(undefined)} />}
      {dialog === 'help' && <ShortcutsHelp onClose={() => setDialog(undefined)} />}
    </div>
  );
}

function titleOf(path: string): string {
  const [, first = '', second, third] = path.split('/');
  const names: Record<string, string> = {
    '': 'Home',
    traces: 'Traces',
    trace: `${third === 'compare' ? 'Compare' : 'Trace'} ${second?.slice(0, 8) ?? ''}`,
    logs: 'Logs',
    services: second ? decodeURIComponent(second) : 'Services',
    map: 'Map',
    sql: 'SQL',
    settings: 'Settings',
  };
  return `${names[first] ?? 'Not found'} · Hopline`;
}
