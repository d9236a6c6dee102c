// What has arrived so far, as steps from the first connection to the first metric.

import type { StatusWire } from '../../api/wire';
import { plural } from '../../model/format';

export interface Step {
  key: string;
  label: string;
  state: 'waiting' | 'done' | 'failed';
  note: string;
}

/** Each step with what is known of it in words; a refusal says why. */
export function steps(status: StatusWire): Step[] {
  const { accepted, rejected, exporters, errors } = status.ingest;
  const count = (signal: 'spans' | 'logs' | 'metrics') => accepted[signal] ?? 0;
  const some = count('spans') + count('logs') + count('metrics') > 0;
  const refusals = exporters.filter(one => one.last_reason !== '');
  const reason = errors[0]?.message ?? refusals[0]?.last_reason;
  const turnedAway = Object.values(rejected).reduce((sum, one) => sum + (one ?? 0), 0);
  const from = exporters[0] ?? undefined;
  const connected = exporters.length > 0 || errors.length > 0 || (status.ingest.connections ?? 0) > 0;
  const first = (key: 'spans' | 'logs' | 'metrics', label: string, noun: string): Step => ({
    key,
    label,
    state: count(key) > 0 ? 'done' : 'waiting',
    note: count(key) > 0 ? plural(count(key), noun) : 'none yet',
  });
  return [
    {
      key: 'connected',
      label: 'Connection seen',
      state: connected ? 'done' : 'waiting',
      note: from
        ? `${from.service || 'an exporter'} at ${from.address} over ${from.transport}`
        : errors[0]
          ? `${errors[0].address} over ${errors[0].transport}`
          : connected
            ? 'connected, nothing sent yet'
            : 'waiting for an exporter',
    },
    {
      key: 'accepted',
      label: some ? 'Request accepted' : reason ? 'Request refused' : 'Request accepted',
      state: some ? 'done' : reason ? 'failed' : 'waiting',
      note: some
        ? turnedAway > 0
          ? `${plural(turnedAway, 'record')} turned away: ${reason ?? 'see the exporters'}`
          : 'synced to disk before the answer left'
        : (reason ?? 'nothing sent yet'),
    },
    first('spans', 'First span', 'span'),
    first('logs', 'First log', 'log record'),
    first('metrics', 'First metric', 'data point'),
  ];
}

/** Whether there is anything to look at: taken in by this server, or found by it when it started. */
export function anythingStored(status: StatusWire): boolean {
  const accepted = Object.values(status.ingest.accepted).some(count => (count ?? 0) > 0);
  return accepted || Object.values(status.newest ?? {}).some(time => time !== null);
}
