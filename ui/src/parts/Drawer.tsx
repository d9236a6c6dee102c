import { type ReactNode, useRef } from 'react';
import { Icon } from './Icon';

/** The side panel that every page uses for one thing: a span, a log, a service. */
export function Drawer({
  title,
  actions,
  onClose,
  children,
}: {
  title: ReactNode;
  actions?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}) {
  const section = useRef<HTMLElement>(null);
  return (
    <aside
      ref={section}
      className="drawer"
      aria-label="Details"
      onKeyDown={event => {
        if (event.key === 'Escape' && !event.defaultPrevented) {
          event.preventDefault();
          onClose();
        }
      }}
    >
      <header className="drawer-head">
        <div className="drawer-title">{title}</div>
        {actions}
        <button type="button" className="button quiet icon-only" onClick={onClose} aria-label="Close details">
          <Icon name="close" />
        </button>
      </header>
      <div className="drawer-body" tabIndex={0} role="region" aria-label="Details">
        {children}
      </div>
    </aside>
  );
}
