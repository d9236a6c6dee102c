// The server does not answer: said once above everything, asked again by itself, data stays on screen.

import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiError } from '../api/client';
import { status } from '../api/status';
import { Icon } from '../parts/Icon';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;

export function ServerGone() {
  const queries = useQueryClient();
  const [gone, setGone] = useState(false);
  useEffect(
    () =>
      queries.getQueryCache().subscribe(event => {
        if (event.type !== 'updated') return;
        if (event.action.type === 'success') setGone(false);
        else if (
          event.action.type === 'error' &&
          event.action.error instanceof ApiError &&
          event.action.error.status === 0
        ) {
          setGone(true);
        }
      }),
    [queries],
  );
  useEffect(() => {
    if (!gone) return;
    const stop = new AbortController();
    let wait = FIRST_WAIT_MS;
    let timer = setTimeout(ask, wait);
    function ask() {
      status(stop.signal).then(
        () => {
          setGone(false);
          void queries.invalidateQueries();
        },
        () => {
          wait = Math.min(wait * 1.6, LONGEST_WAIT_MS);
          timer = setTimeout(ask, wait);
        },
      );
    }
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [gone, queries]);
  if (!gone) return null;
  return (
    <p className="server-gone" role="alert">
      <Icon name="warning" />
      The server cannot be reached. What is shown may be old; trying again.
    </p>
  );
}
