// A web service instrumented with the real OpenTelemetry SDK for Node (OTLP/JSON over HTTP), that also writes down what it did.
//
//   node web.mjs NAME [NEXT_URL]
//
// Prints its port. GET /order?n=1 does the work and calls the next service; POST /flush exports everything and answers the ground truth.

import http from 'node:http';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const [name, next] = process.argv.slice(2);
const truth = { spans: [], logs: [] };
const nanos = ([seconds, rest]) => BigInt(seconds) * 1_000_000_000n + BigInt(rest);

const spanTruth = {
  onStart() {},
  onEnd(span) {
    const { traceId, spanId } = span.spanContext();
    truth.spans.push({
      trace_id: traceId,
      span_id: spanId,
      parent_span_id: span.parentSpanContext?.spanId ?? null,
      service_name: name,
      name: span.name,
      kind: SpanKind[span.kind].toLowerCase(),
      start_time_unix_nano: String(nanos(span.startTime)),
      duration_nano: Number(nanos(span.endTime) - nanos(span.startTime)),
      status_code: ['unset', 'ok', 'error'][span.status.code],
      status_message: span.status.message ?? null,
      attributes: span.attributes,
      events: span.events.map((event) => ({ name: event.name, time_unix_nano: String(nanos(event.time)), attributes: event.attributes ?? {} })),
      links: [],
    });
  },
  forceFlush: async () => {},
  shutdown: async () => {},
};
const logTruth = {
  onEmit(record) {
    const at = record.spanContext;
    truth.logs.push({ trace_id: at?.traceId, span_id: at?.spanId, service_name: name, severity_number: record.severityNumber, body: record.body });
  },
  forceFlush: async () => {},
  shutdown: async () => {},
};

const resource = resourceFromAttributes({ 'service.name': name, 'service.version': '2.0.0' });
const tracers = new NodeTracerProvider({ resource, spanProcessors: [spanTruth, new BatchSpanProcessor(new OTLPTraceExporter(), { scheduledDelayMillis: 60000 })] });
tracers.register();
const loggers = new LoggerProvider({ resource, processors: [logTruth, new BatchLogRecordProcessor({ exporter: new OTLPLogExporter(), scheduledDelayMillis: 60000 })] });
const tracer = trace.getTracer('web', '0.1');
const logger = loggers.getLogger('web');

async function order(n, headers) {
  const parent = propagation.extract(context.active(), headers);
  await tracer.startActiveSpan('GET /order', { kind: SpanKind.SERVER, attributes: { 'http.route': '/order', 'order.number': n, 'order.price': n + 0.5, tags: ['grün', 'neu'] } }, parent, async (span) => {
    logger.emit({ severityNumber: SeverityNumber.INFO, body: `${name} takes order ${n}`, attributes: { order: n } });
    span.addEvent('cache.miss', { key: `order:${n}` });
    if (next) {
      await tracer.startActiveSpan('GET', { kind: SpanKind.CLIENT, attributes: { 'url.full': next } }, async (client) => {
        const carrier = {};
        propagation.inject(context.active(), carrier);
        await fetch(`${next}/order?n=${n}`, { headers: carrier });
        client.end();
      });
    }
    if (n % 3 === 0) {
      span.recordException(new Error('out of stock'));
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
      logger.emit({ severityNumber: SeverityNumber.ERROR, body: { what: 'out of stock', order: n } });
    }
    span.end();
  });
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  if (request.method === 'POST') {
    await tracers.forceFlush();
    await loggers.forceFlush();
    response.end(JSON.stringify({ sent: true, ...truth }));
    return;
  }
  await order(Number(url.searchParams.get('n')), request.headers);
  response.end('{}');
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
