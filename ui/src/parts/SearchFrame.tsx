// The frame of a page that searches: query on top, facets on the left, what was found on the right.

import type { ReactNode } from 'react';
import { toggleTerm } from '../model/query';
import type { Range, Zone } from '../model/time';
import { setPreferences, usePreferences } from '../state/preferences';
import { Facets } from './Facets';
import { Icon } from './Icon';
import { Nothing } from './Nothing';
import { Empty, Failed, type Failure, Loading } from './Notice';
import { QueryBox } from './QueryBox';
import '../style/search.css';

/** What is known of an answer that is asked for elsewhere. */
interface Answer<T> {
  data: T | undefined;
  isPending: boolean;
  isError: boolean;
  error: Error | null;
  refetch: () => unknown;
}

export function SearchFrame({
  title,
  placeholder,
  q,
  onQuery,
  complete,
  mistake,
  facets,
  drawer,
  children,
}: {
  /** `Traces`, `Logs`: heads the page for those who do not see it. */
  title: string;
  placeholder: string;
  q: string;
  onQuery: (q: string) => void;
  complete: Parameters<typeof QueryBox>[0]['complete'];
  /** Where the query cannot be read. */
  mistake: Parameters<typeof QueryBox>[0]['mistake'];
  facets: Answer<Parameters<typeof Facets>[0]['facets']>;
  /** What stands at the right edge, when something is open. */
  drawer?: ReactNode;
  children: ReactNode;
}) {
  const { facetsOpen } = usePreferences();
  return (
    <div className="search-page" data-facets={facetsOpen ? 'open' : 'closed'} data-drawer={drawer ? 'open' : undefined}>
      <h1 className="visually-hidden">{title}</h1>
      <div className="search-head">
        <button
          type="button"
          className="button quiet icon-only"
          aria-pressed={facetsOpen}
          aria-label="Facets"
          title="Facets"
          onClick={() => setPreferences({ facetsOpen: !facetsOpen })}
        >
          <Icon name="filter" />
        </button>
        <QueryBox
          label={`Query for ${title.toLowerCase()}`}
          placeholder={placeholder}
          value={q}
          onRun={onQuery}
          complete={complete}
          mistake={mistake}
        />
      </div>
      {facetsOpen && (
        <aside className="search-facets" aria-label="Facets">
          {facets.data ? (
            <Facets facets={facets.data} q={q} onToggle={term => onQuery(toggleTerm(q, term))} />
          ) : facets.isError && mistake ? null : refused(facets.error) ? (
            <Empty title="No facets here">{facets.error?.message}</Empty>
          ) : facets.isError ? (
            <Failed what="No facets" error={facets.error!} retry={() => void facets.refetch()} />
          ) : null}
        </aside>
      )}
      <div className="search-main">{children}</div>
      {drawer}
    </div>
  );
}

/** Read by who searches, but not by who counts single rows: no fault, and asking again changes nothing. */
function refused(error: Failure | null): boolean {
  return error?.status === 400;
}

/** What was found, or why there is nothing to show. */
export function Found({
  what,
  answer,
  count,
  mistake,
  q,
  range,
  zone,
  newest,
  onQuery,
  onRange,
  children,
}: {
  /** `traces`, `logs`. */
  what: string;
  answer: Omit<Answer<unknown>, 'data'>;
  count: number;
  mistake: Failure | undefined;
  q: string;
  range: Range;
  zone: Zone;
  newest: Parameters<typeof Nothing>[0]['newest'];
  onQuery: (q: string) => void;
  onRange: (range: Range) => void;
  children: ReactNode;
}) {
  if (count > 0) return children;
  if (answer.isPending) return <Loading what={`Searching ${what}`} />;
  if (mistake) return <Failed what="The query cannot be read" error={mistake} />;
  if (answer.isError)
    return <Failed what="The search failed" error={answer.error!} retry={() => void answer.refetch()} />;
  return <Nothing what={what} q={q} range={range} zone={zone} onQuery={onQuery} onRange={onRange} newest={newest} />;
}
