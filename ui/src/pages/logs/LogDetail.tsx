// One log whole: its fields, what the same service said around it, and the span it belongs to.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { logContext } from '../../api/logs';
import { severityVariable } from '../../model/severity';
import { formatClock, formatInstant, type Zone } from '../../model/time';
import type { Log } from '../../model/types';
import { ServiceName } from '../../parts/Chip';
import { CopyButton } from '../../parts/Copy';
import { Drawer } from '../../parts/Drawer';
import { Fields } from '../../parts/Fields';
import { Icon } from '../../parts/Icon';
import { Failed, Loading } from '../../parts/Notice';
import { Tabs } from '../../parts/Tabs';

type Tab = 'fields' | 'context' | 'json';
const TABS: { key: Tab; label: string }[] = [
  { key: 'fields', label: 'Fields' },
  { key: 'context', label: 'Before and after' },
  { key: 'json', label: 'JSON' },
];

export function LogDetail({
  id,
  known,
  zone,
  onClose,
  onChoose,
  onFilter,
}: {
  id: string;
  known: Log | undefined;
  zone: Zone;
  onClose: () => void;
  onChoose: (log: Log) => void;
  onFilter: (term: string) => void;
}) {
  const [tab, setTab] = useState<Tab>('fields');
  const around = useQuery({
    queryKey: ['log context', id],
    queryFn: ({ signal }) => logContext(id, signal),
    enabled: tab === 'context' || known === undefined,
  });
  const log = known ?? around.data?.logs[around.data.index];
  if (!log) {
    return (
      <Drawer title="Log" onClose={onClose}>
        {around.isError ? (
          <Failed what="This log could not be read" error={around.error} />
        ) : (
          <Loading what="Reading" />
        )}
      </Drawer>
    );
  }
  const text = typeof log.body === 'string' ? log.body : JSON.stringify(log.body, null, 2);
  return (
    <Drawer
      onClose={onClose}
      title={
        <span className="log-detail-title">
          <span
            className="log-severity"
            style={{ ['--severity' as string]: `var(${severityVariable(log.severity)})` }}
            data-severity={log.severity}
          >
            {log.severity}
          </span>
          <ServiceName name={log.service} />
        </span>
      }
      actions={
        log.traceId && (
          <Link
            to="/trace/$id"
            params={{ id: log.traceId }}
            search={{ span: log.spanId } as never}
            className="button primary"
          >
            <Icon name="traces" />
            Open trace{log.spanId ? ' at this span' : ''}
          </Link>
        )
      }
    >
      <p className="mono muted small">{formatInstant(log.time, zone, 'nano')}</p>
      <pre className="log-text">{text || '(empty)'}</pre>
      <Tabs label="Log" tabs={TABS} chosen={tab} onChoose={setTab}>
        {tab === 'fields' ? (
          <div className="log-fields">
            <Fields fields={log.attributes} onFilter={onFilter} />
            <h2>Resource</h2>
            <Fields fields={log.resource} onFilter={onFilter} prefix="resource." />
            <h2>Record</h2>
            <Fields
              fields={{
                severity: log.severity === 'unspecified' ? undefined : log.severity,
                service: log.service,
                version: log.version,
                trace: log.traceId,
                span: log.spanId,
                event_name: log.event,
              }}
              onFilter={onFilter}
            />
            {log.derived.length > 0 && (
              <p className="muted small">Not sent, but found in the text: {derivedWords(log.derived)}.</p>
            )}
          </div>
        ) : tab === 'context' ? (
          around.data ? (
            <ol className="log-context">
              {around.data.logs.map((one, index) => (
                <li key={one.id} data-here={index === around.data.index || undefined}>
                  <button
                    type="button"
                    onClick={() => onChoose(one)}
                    aria-current={index === around.data.index || undefined}
                  >
                    <span className="mono muted">{formatClock(one.time, zone, 'milli')}</span>
                    <span
                      className="log-severity"
                      style={{ ['--severity' as string]: `var(${severityVariable(one.severity)})` }}
                      data-severity={one.severity}
                    >
                      {one.severity}
                    </span>
                    <span className="truncate">{one.line}</span>
                  </button>
                </li>
              ))}
            </ol>
          ) : around.isError ? (
            <Failed what="The neighbours could not be read" error={around.error} retry={() => void around.refetch()} />
          ) : (
            <Loading what="Reading the neighbours" />
          )
        ) : (
          <LogJson log={log} />
        )}
      </Tabs>
    </Drawer>
  );
}

const DERIVED: Record<string, string> = { severity_number: 'severity', trace_id: 'trace', span_id: 'span' };

function derivedWords(fields: string[]): string {
  return fields.map(field => DERIVED[field] ?? field).join(', ');
}

function LogJson({ log }: { log: Log }) {
  const { line: _, ...rest } = log;
  const text = JSON.stringify({ ...rest, time: formatInstant(log.time, 'utc', 'nano') }, null, 2);
  return (
    <div className="log-json">
      <CopyButton text={text} />
      <pre className="log-text">{text}</pre>
    </div>
  );
}
