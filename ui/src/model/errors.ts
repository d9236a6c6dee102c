// Failed spans that say the same, counted: where the server has no groups of its own.

export interface FailedSpan {
  service_name: string;
  name: string;
  trace_id: string;
  start_time: string;
  status_message?: string;
  events?: { name: string; attributes?: Record<string, unknown> }[];
}

export interface ErrorGroup {
  service_name: string;
  name: string;
  exception_type?: string;
  message?: string;
  count: number;
  first: string;
  last: string;
  sample_trace_id?: string;
}

/** By service, operation, exception and message with its numbers and ids left out; the most frequent first. */
export function groupErrors(spans: readonly FailedSpan[]): ErrorGroup[] {
  const groups = new Map<string, ErrorGroup>();
  for (const span of spans) {
    const exception = span.events?.find(event => event.name === 'exception')?.attributes;
    const type = text(exception?.['exception.type']);
    const message = (text(exception?.['exception.message']) || span.status_message || '').replace(
      /\b(?=[\w-]*\d)[\w-]+\b/g,
      '…',
    );
    const key = [span.service_name, span.name, type, message].join('\n');
    const group = groups.get(key);
    if (!group) {
      groups.set(key, {
        service_name: span.service_name,
        name: span.name,
        exception_type: type || undefined,
        message: message || undefined,
        count: 1,
        first: span.start_time,
        last: span.start_time,
        sample_trace_id: span.trace_id,
      });
      continue;
    }
    group.count += 1;
    if (span.start_time < group.first) group.first = span.start_time;
    if (span.start_time > group.last) {
      group.last = span.start_time;
      group.sample_trace_id = span.trace_id;
    }
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
