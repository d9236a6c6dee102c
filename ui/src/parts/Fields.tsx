// Attributes as rows: key, value, and what can be done with it.

import { fieldTerm } from '../model/query';
import type { Value } from '../model/types';
import { Icon } from './Icon';

export function Fields({
  fields,
  onFilter,
  prefix = '',
}: {
  fields: Record<string, Value | undefined>;
  /** Adds a term to the query; without it values are only shown. */
  onFilter?: (term: string) => void;
  /** Stands before the key in a query: `resource.`. */
  prefix?: string;
}) {
  const rows = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== '');
  if (rows.length === 0) return <p className="muted small">None.</p>;
  return (
    <dl className="fields">
      {rows.map(([key, value]) => {
        const text = typeof value === 'string' ? value : JSON.stringify(value, null, typeof value === 'object' ? 1 : 0);
        const simple = typeof value !== 'object';
        return (
          <div key={key}>
            <dt>{key}</dt>
            <dd>
              <span className="mono field-value">{text}</span>
              {onFilter && simple && (
                <span className="field-actions">
                  <button
                    type="button"
                    aria-label={`Only ${key} ${text}`}
                    title="Only this"
                    onClick={() => onFilter(fieldTerm(prefix + key, String(value)))}
                  >
                    <Icon name="plus" size={12} />
                  </button>
                  <button
                    type="button"
                    aria-label={`Exclude ${key} ${text}`}
                    title="Exclude"
                    onClick={() => onFilter(fieldTerm(prefix + key, String(value), true))}
                  >
                    <Icon name="minus" size={12} />
                  </button>
                </span>
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
