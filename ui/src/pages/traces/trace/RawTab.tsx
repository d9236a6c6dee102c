// The trace as it is: to save, to send, to take into another tool.

import { useState } from 'react';
import { traceAs } from '../../../api/trace';
import type { Trace } from '../../../model/trace';
import { CopyBlock } from '../../../parts/Copy';
import { Icon } from '../../../parts/Icon';
import { Failed } from '../../../parts/Notice';

const FORMATS = [
  { name: 'JSON', about: 'Spans with all attributes, in start order', accept: 'application/json', ending: 'json' },
  {
    name: 'OTLP',
    about: 'TracesData in protobuf: what OpenTelemetry tools read',
    accept: 'application/x-protobuf',
    ending: 'otlp.pb',
  },
  {
    name: 'Parquet',
    about: 'A table for pandas, DuckDB, Spark',
    accept: 'application/vnd.apache.parquet',
    ending: 'parquet',
  },
  { name: 'NDJSON', about: 'One span a line', accept: 'application/x-ndjson', ending: 'ndjson' },
] as const;

export function RawTab({ trace }: { trace: Trace }) {
  const [busy, setBusy] = useState<string | undefined>();
  const [failed, setFailed] = useState<Error | undefined>();
  const save = async (format: (typeof FORMATS)[number]) => {
    setBusy(format.name);
    setFailed(undefined);
    try {
      const blob = await traceAs(trace.id, format.accept);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = `trace-${trace.id}.${format.ending}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      setFailed(error as Error);
    } finally {
      setBusy(undefined);
    }
  };
  const address = `${location.origin}${import.meta.env.BASE_URL.replace(/\/$/, '')}/api/v1/traces/${trace.id}`;
  return (
    <div className="trace-tab raw-tab">
      <h2>Save this trace</h2>
      <ul className="raw-formats">
        {FORMATS.map(format => (
          <li key={format.name}>
            <button type="button" className="button" disabled={!!busy} onClick={() => void save(format)}>
              <Icon name="download" />
              {busy === format.name ? 'Saving…' : format.name}
            </button>
            <span className="muted">{format.about}</span>
          </li>
        ))}
      </ul>
      {failed && <Failed error={failed} what="It could not be saved" />}
      <h2>From a shell</h2>
      <CopyBlock
        label="Commands"
        text={`hopline trace ${trace.id} --hops\ncurl -s ${address}\ncurl -s -H 'Accept: application/x-protobuf' ${address} > trace.pb`}
      />
    </div>
  );
}
