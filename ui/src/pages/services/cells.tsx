import { formatCount, formatDuration, formatShare } from '../../model/format';

export function ErrorShare({ errors, of }: { errors: number; of: number }) {
  if (errors === 0) return <span className="muted">0 %</span>;
  return (
    <span className="error-share" title={`${formatCount(errors)} of ${formatCount(of)}`}>
      {formatShare(errors, of)}
    </span>
  );
}

/** The middle, the slow and the slowest on one line, so that rows can be compared. */
export function Latency({ p50, p95, p99, most }: { p50?: number; p95?: number; p99?: number; most: number }) {
  if (p50 === undefined || p95 === undefined || p99 === undefined) return <span className="muted">–</span>;
  // Square roots keep fast services visible beside slow ones.
  const at = (nanos: number) => `${Math.sqrt(nanos / most) * 100}%`;
  return (
    <span
      className="latency"
      role="img"
      aria-label={`p50 ${formatDuration(p50)}, p95 ${formatDuration(p95)}, p99 ${formatDuration(p99)}`}
    >
      <i className="latency-reach" style={{ left: at(p50), right: `calc(100% - ${at(p99)})` }} />
      <i className="latency-most" style={{ left: at(p50), right: `calc(100% - ${at(p95)})` }} />
      <i className="latency-middle" style={{ left: at(p50) }} />
    </span>
  );
}
