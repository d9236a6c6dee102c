// Logs that say the same with other values, counted. A click keeps or excludes one.

import { useQuery } from '@tanstack/react-query';
import { logPatterns } from '../../api/logs';
import type { Asked } from '../../api/traces';
import { formatCount } from '../../model/format';
import { severityOf, severityVariable } from '../../model/severity';
import { formatAgo, nanosOfMillis, parseInstant } from '../../model/time';
import { Empty, Failed, Loading } from '../../parts/Notice';
import { patternTerm } from './pattern-term';

export function Patterns({ asked, onFilter }: { asked: Asked; onFilter: (term: string) => void }) {
  const found = useQuery({ queryKey: ['log patterns', asked], queryFn: ({ signal }) => logPatterns(asked, signal) });
  if (found.isPending) return <Loading what="Finding patterns" />;
  if (found.isError) return <Failed what="No patterns" error={found.error} retry={() => void found.refetch()} />;
  if (found.data.length === 0) return <Empty title="No logs to group in this range" />;
  const now = nanosOfMillis(Date.now());
  const most = Math.max(...found.data.map(one => one.count));
  return (
    <div className="patterns" tabIndex={0} role="region" aria-label="Patterns">
      <ul>
        {found.data.map(one => {
          const severity = severityOf(one.severity);
          const term = patternTerm(one.pattern);
          return (
            <li key={one.pattern} style={{ ['--severity' as string]: `var(${severityVariable(severity)})` }}>
              <div className="pattern-count">
                <strong>{formatCount(one.count)}</strong>
                <span className="duration-bar" aria-hidden="true">
                  <i style={{ width: `${(one.count / most) * 100}%` }} />
                </span>
              </div>
              <span className="log-severity" data-severity={severity}>
                {severity}
              </span>
              <code className="pattern-text">{one.pattern}</code>
              <span className="muted small nowrap">{formatAgo(parseInstant(one.last) ?? now, now)}</span>
              {term && (
                <span className="pattern-actions">
                  <button type="button" className="button" onClick={() => onFilter(term)}>
                    Only
                  </button>
                  <button type="button" className="button quiet" onClick={() => onFilter(`-${term}`)}>
                    Exclude
                  </button>
                </span>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
