import { serviceVariable } from '../model/colour';

/** A service's name with its colour; the name always stands beside the colour. */
export function ServiceName({ name, count, failed }: { name: string; count?: number; failed?: boolean }) {
  return (
    <span className="service" style={{ ['--service' as string]: serviceVariable(name) }}>
      <i aria-hidden="true" />
      <span className="service-name">{name || '(no service)'}</span>
      {count !== undefined && <span className="muted number">{count}</span>}
      {failed && <span className="error-mark" title="has errors" />}
    </span>
  );
}
