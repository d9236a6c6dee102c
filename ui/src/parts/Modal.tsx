import { type ReactNode, useEffect, useRef } from 'react';
import { Icon } from './Icon';

/** A native dialog: focus stays inside, Esc closes, focus returns. */
export function Modal({
  title,
  onClose,
  children,
  className = '',
  bare = false,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  className?: string;
  /** Without a visible heading: the content has its own. */
  bare?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a dialog; a click beside it is the same for the mouse.
    <dialog
      ref={dialog}
      className={`modal ${className}`}
      aria-label={title}
      onClose={onClose}
      onClick={event => event.target === dialog.current && onClose()}
    >
      <div className="modal-body">
        {!bare && (
          <header className="modal-head">
            <h2>{title}</h2>
            <button type="button" className="button quiet icon-only" onClick={onClose} aria-label="Close">
              <Icon name="close" />
            </button>
          </header>
        )}
        {children}
      </div>
    </dialog>
  );
}
