import { type ErrorComponentProps, Link } from '@tanstack/react-router';
import { Empty, Failed } from '../parts/Notice';

/** A page that failed while it was drawn; the rail and the rest still work. */
export function Broken({ error, reset }: ErrorComponentProps) {
  return <Failed what="This page could not be shown" error={error as Error} retry={reset} />;
}

export function NotFound() {
  return (
    <Empty
      title="There is no page at this address"
      actions={
        <Link to="/" className="button">
          Home
        </Link>
      }
    />
  );
}
