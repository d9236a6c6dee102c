// One trace: what is asked, and what is laid out. The address carries the span, the tab, the zoom and what is shown.

import { Link, useParams } from '@tanstack/react-router';
import { useEffect } from 'react';
import { ApiError } from '../../api/client';
import { Empty, Failed, Loading } from '../../parts/Notice';
import { visited } from '../../state/visited';
import { TraceView } from './trace/TraceView';
import { useTree } from './trace/useTraceData';
import './trace/trace.css';

export function TracePage() {
  const { id = '' } = useParams({ strict: false }) as { id?: string };
  const tree = useTree(id);
  const trace = tree.data;
  const { service = '', name = '' } = trace?.summary ?? {};
  useEffect(() => {
    if (service) visited(id, `${service} ${name}`);
  }, [id, service, name]);

  if (tree.error && !trace) {
    const unknown = tree.error instanceof ApiError && tree.error.status === 404;
    if (!unknown)
      return <Failed error={tree.error} what="The trace could not be loaded" retry={() => void tree.refetch()} />;
    return (
      <Empty
        title="No trace has this id"
        actions={
          <>
            <button type="button" className="button" onClick={() => void tree.refetch()}>
              Look again
            </button>
            <Link to="/traces" className="button">
              Search the traces
            </Link>
          </>
        }
      >
        <p>
          <code>{id}</code>
        </p>
        <p>It may still be on its way, was not sampled, was sent elsewhere, or is older than what is kept.</p>
      </Empty>
    );
  }
  if (!trace) return <Loading what="Loading the trace" />;
  if (trace.length === 0) {
    return (
      <Empty title="This trace has no spans yet">
        Only logs carry its id so far. The page shows spans as soon as they arrive.
      </Empty>
    );
  }
  return <TraceView key={id} trace={trace} />;
}
