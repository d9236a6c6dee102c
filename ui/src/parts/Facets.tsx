// Values of the fields of a result with their counts; each is a filter.

import { useState } from 'react';
import { formatCount } from '../model/format';
import { fieldTerm, hasTerm } from '../model/query';
import { Icon } from './Icon';

export interface Facet {
  field: string;
  values: { value: string; count: number }[];
  more?: boolean;
}

const SHOWN = 6;

export function Facets({ facets, q, onToggle }: { facets: Facet[]; q: string; onToggle: (term: string) => void }) {
  return (
    <div className="facets">
      {facets
        .filter(facet => facet.values.length > 0)
        .map(facet => (
          <Group key={facet.field} facet={facet} q={q} onToggle={onToggle} />
        ))}
    </div>
  );
}

function Group({ facet, q, onToggle }: { facet: Facet; q: string; onToggle: (term: string) => void }) {
  const [all, setAll] = useState(false);
  const most = Math.max(...facet.values.map(one => one.count), 1);
  const shown = all ? facet.values : facet.values.slice(0, SHOWN);
  const rest = facet.values.length - shown.length;
  return (
    <section className="facet" aria-label={facet.field}>
      <h2>{facet.field}</h2>
      <ul>
        {shown.map(({ value, count }) => {
          const only = fieldTerm(facet.field, value);
          const not = fieldTerm(facet.field, value, true);
          const on = hasTerm(q, only);
          const off = hasTerm(q, not);
          return (
            <li key={value} data-state={on ? 'only' : off ? 'not' : undefined}>
              <button
                type="button"
                className="facet-value"
                aria-pressed={on}
                title={value}
                onClick={() => onToggle(only)}
                style={{ ['--share' as string]: `${(count / most) * 100}%` }}
              >
                <span className="truncate">{value || '(empty)'}</span>
                <span className="muted number">{formatCount(count)}</span>
              </button>
              <button
                type="button"
                className="facet-not"
                aria-pressed={off}
                aria-label={`Exclude ${facet.field} ${value}`}
                title="Exclude"
                onClick={() => onToggle(not)}
              >
                <Icon name="minus" size={12} />
              </button>
            </li>
          );
        })}
      </ul>
      {(rest > 0 || (all && facet.values.length > SHOWN)) && (
        <button type="button" className="facet-more" onClick={() => setAll(!all)}>
          {all ? 'Fewer' : `${rest} more`}
        </button>
      )}
      {all && facet.more && <p className="muted small">There are more values: type the one you look for.</p>}
    </section>
  );
}
