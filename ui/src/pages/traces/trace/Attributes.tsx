// Keys and values, by the first word of the key.

import { Link } from '@tanstack/react-router';
import { Fragment, useState } from 'react';
import type { Attributes, Json } from '../../../api/wire';
import { copyText } from '../../../parts/Copy';
import { Icon } from '../../../parts/Icon';
import { groupAttributes, queryTerm, valueText } from './attributeGroups';

/** Longer values are cut until asked for. */
const VALUE_CHARS_MAX = 600;

export function AttributeGroups({ attributes }: { attributes: Attributes }) {
  return (
    <div className="attribute-groups">
      {groupAttributes(attributes).map(group => (
        <AttributeTable key={group.name} attributes={group.attributes} searchable />
      ))}
    </div>
  );
}

export function AttributeTable({ attributes, searchable = false }: { attributes: Attributes; searchable?: boolean }) {
  const entries = Object.entries(attributes);
  if (entries.length === 0) return null;
  return (
    <table className="attributes">
      <tbody>
        {entries.map(([key, value]) => (
          <tr key={key}>
            <th scope="row">{breakable(key)}</th>
            <td>
              <Value value={value} />
              <span className="attribute-actions">
                {searchable && typeof value !== 'object' && (
                  <Link
                    to="/traces"
                    search={{ q: queryTerm(key, value) } as never}
                    className="button quiet icon-only"
                    aria-label={`Traces with this ${key}`}
                    title="Traces with this value"
                  >
                    <Icon name="search" size={13} />
                  </Link>
                )}
                <button
                  type="button"
                  className="button quiet icon-only"
                  aria-label={`Copy ${key}`}
                  title="Copy the value"
                  onClick={() => void copyText(valueText(value))}
                >
                  <Icon name="copy" size={13} />
                </button>
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Long keys break after a dot rather than anywhere. */
function breakable(key: string) {
  return key.split('.').map((part, place, all) => (
    <Fragment key={place}>
      {part}
      {place < all.length - 1 && (
        <>
          .<wbr />
        </>
      )}
    </Fragment>
  ));
}

function Value({ value }: { value: Json }) {
  const [whole, setWhole] = useState(false);
  const words = valueText(value);
  const cut = !whole && words.length > VALUE_CHARS_MAX;
  return (
    <span className="attribute-value" data-type={value === null ? 'null' : typeof value}>
      {cut ? `${words.slice(0, VALUE_CHARS_MAX)}…` : words}
      {cut && (
        <button type="button" className="fact-link" onClick={() => setWhole(true)}>
          show all {words.length.toLocaleString('en')} characters
        </button>
      )}
    </span>
  );
}
