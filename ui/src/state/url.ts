// The address is the state: what a link should carry is read and written here.

import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { DEFAULT_RANGE, nanosOfMillis, type Range, rangeMistake } from '../model/time';
import type { Search } from './search';

export interface Address {
  search: Search;
  /** Adjusts this page's address. `push` for what Back should undo. */
  set: (change: Search, how?: 'push' | 'replace') => void;
}

export function useAddress(): Address {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const set = useCallback(
    (change: Search, how: 'push' | 'replace' = 'replace') => {
      void navigate({
        to: '.',
        search: ((before: Search) => ({ ...before, ...change })) as never,
        replace: how === 'replace',
      });
    },
    [navigate],
  );
  return { search, set };
}

export interface RangeState {
  /** What the page asks with; an unreadable address falls back to the default. */
  range: Range;
  mistake: string | undefined;
  setRange: (range: Range) => void;
}

export function useRange(): RangeState {
  const { search, set } = useAddress();
  const { from, to } = search;
  const { range, mistake } = useMemo(() => {
    const asked = { from: from || DEFAULT_RANGE.from, to: to || DEFAULT_RANGE.to };
    const wrong = rangeMistake(asked, nanosOfMillis(Date.now()));
    return { range: wrong ? DEFAULT_RANGE : asked, mistake: wrong };
  }, [from, to]);
  const setRange = useCallback((next: Range) => set(rangeSearch(next), 'push'), [set]);
  return { range, mistake, setRange };
}

/** A range as it stands in an address: the default is left out. */
export function rangeSearch(range: Range): Search {
  return {
    from: range.from === DEFAULT_RANGE.from && range.to === DEFAULT_RANGE.to ? undefined : range.from,
    to: range.to === DEFAULT_RANGE.to ? undefined : range.to,
  };
}

/** What goes along when another page is opened. */
export function carried(search: Search): Search {
  return { from: search.from, to: search.to };
}
