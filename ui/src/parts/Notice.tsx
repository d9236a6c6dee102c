// What stands where a result would be: loading, nothing found, failed. One panel failing never blanks the page.

import { type ReactNode, useEffect, useState } from 'react';
import { Icon } from './Icon';

/** Says nothing for a moment: most answers come sooner. */
export function Loading({ what }: { what: string }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 180);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="notice" role="status">
      {shown && (
        <>
          <span className="progress" aria-hidden="true" />
          <span className="muted">{what}</span>
        </>
      )}
    </div>
  );
}

export function Empty({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="notice" role="status">
      <p className="notice-title">{title}</p>
      {children && <div className="muted notice-text">{children}</div>}
      {actions && <div className="notice-actions">{actions}</div>}
    </div>
  );
}

export interface Failure {
  message: string;
  position?: number;
  expected?: string;
  status?: number;
  path?: string;
}

export function Failed({ error, what, retry }: { error: Failure; what: string; retry?: () => void }) {
  return (
    <div className="notice failed" role="alert">
      <p className="notice-title">
        <Icon name="error" />
        {what}
      </p>
      <p className="notice-text">{error.message}</p>
      {error.expected && <p className="muted notice-text">Expected: {error.expected}</p>}
      {retry && (
        <div className="notice-actions">
          <button type="button" className="button" onClick={retry}>
            <Icon name="refresh" />
            Try again
          </button>
        </div>
      )}
    </div>
  );
}

/** A line above a result: what is missing from it and how to go on. */
export function Warnings({ items, complete = true }: { items: string[]; complete?: boolean }) {
  if (items.length === 0 && complete) return null;
  const said = items.length > 0 ? items : ['This answer is not complete yet: the server is still reading its log.'];
  return (
    <div role="status">
      <ul className="warnings">
        {said.map(text => (
          <li key={text}>
            <Icon name="warning" />
            {text}
          </li>
        ))}
      </ul>
    </div>
  );
}
