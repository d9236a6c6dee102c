"""A service of a small shop, instrumented with the real OpenTelemetry SDK, that also writes down what it did.

    python shop.py NAME [--next URL] [--queue URL] [--protocol http|grpc] [--gzip]

Prints its port. `GET /order?n=1` does the work and calls the next service; `POST /flush` exports everything and answers
{"spans": […], "logs": […]} as recorded by a processor beside the exporter: the ground truth, span by span.
The endpoint comes from OTEL_EXPORTER_OTLP_ENDPOINT, as in any service.
"""

import argparse
import json
import logging
import sys
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import metrics, trace
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

arguments = argparse.ArgumentParser()
arguments.add_argument("name")
arguments.add_argument("--next")
arguments.add_argument("--queue")
arguments.add_argument("--protocol", default="http")
arguments.add_argument("--gzip", action="store_true")
options = arguments.parse_args()

if options.protocol == "grpc":
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter_options = {"insecure": True, "compression": Compression.Gzip if options.gzip else None}
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter_options = {"compression": Compression.Gzip if options.gzip else Compression.NoCompression}


def plain(attributes):
    return {key: list(value) if isinstance(value, tuple) else value for key, value in (attributes or {}).items()}


class SpanTruth(SpanProcessor):
    def __init__(self):
        self.spans = []

    def on_end(self, span):
        context = span.get_span_context()
        self.spans.append({
            "trace_id": f"{context.trace_id:032x}",
            "span_id": f"{context.span_id:016x}",
            "parent_span_id": f"{span.parent.span_id:016x}" if span.parent else None,
            "service_name": options.name,
            "name": span.name,
            "kind": span.kind.name.lower(),
            "start_time_unix_nano": str(span.start_time),
            "duration_nano": span.end_time - span.start_time,
            "status_code": span.status.status_code.name.lower(),
            "status_message": span.status.description,
            "attributes": plain(span.attributes),
            "events": [{"name": event.name, "time_unix_nano": str(event.timestamp), "attributes": plain(event.attributes)} for event in span.events],
            "links": [{"trace_id": f"{link.context.trace_id:032x}", "span_id": f"{link.context.span_id:016x}", "attributes": plain(link.attributes)} for link in span.links],
        })


class LogTruth(LogRecordProcessor):
    def __init__(self):
        self.logs = []

    def on_emit(self, log_data):
        record = log_data.log_record
        self.logs.append({
            "trace_id": f"{record.trace_id:032x}",
            "span_id": f"{record.span_id:016x}",
            "service_name": options.name,
            "severity_number": record.severity_number.value,
            "body": record.body,
        })

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=30000):
        return True


resource = Resource.create({"service.name": options.name, "service.version": "1.4.2", "deployment.environment.name": "test", "service.instance.id": f"{options.name}-0"})
span_truth, log_truth = SpanTruth(), LogTruth()
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(span_truth)
tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(**exporter_options), schedule_delay_millis=60000))
trace.set_tracer_provider(tracers)
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(log_truth)
loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(**exporter_options), schedule_delay_millis=60000))
meters = MeterProvider(resource=resource, metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter(**exporter_options), export_interval_millis=600000)])
metrics.set_meter_provider(meters)

tracer = trace.get_tracer("shop", "0.1", attributes={"team": "shop"})
otel_logger = loggers.get_logger("shop")
durations = metrics.get_meter("shop").create_histogram("shop.order.duration", unit="ms")
orders = metrics.get_meter("shop").create_counter("shop.orders")


def log(severity, body, **attributes):
    from opentelemetry._logs import LogRecord, SeverityNumber

    otel_logger.emit(LogRecord(timestamp=time.time_ns(), context=None, severity_number=SeverityNumber(severity), severity_text=logging.getLevelName(severity), body=body, attributes=attributes))


def call(url, kind=SpanKind.CLIENT, name=None):
    with tracer.start_as_current_span(name or "GET", kind=kind, attributes={"http.request.method": "GET", "url.full": url}) as span:
        headers = {}
        inject(headers)
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as response:
            span.set_attribute("http.response.status_code", response.status)
            return response.read()


def order(n, headers):
    began = time.time()
    with tracer.start_as_current_span("GET /order", context=extract(headers), kind=SpanKind.SERVER, attributes={"http.route": "/order", "order.number": n, "order.price": n + 0.5, "order.gift": n % 2 == 0}) as span:
        log(9, f"{options.name} takes order {n}", order=n)
        with tracer.start_as_current_span("SELECT stock", kind=SpanKind.CLIENT) as query:
            query.set_attribute("db.system.name", "sqlite")
            query.set_attribute("items", ["apfel", "brot", "käse"])
            query.set_attribute("big", 2**62 + n)
            query.add_event("lock.acquired", {"wait_ms": 3})
        if options.next:
            call(f"{options.next}/order?n={n}")
        if options.queue:
            with tracer.start_as_current_span("send orders", kind=SpanKind.PRODUCER, attributes={"messaging.destination.name": "orders"}):
                carrier = {}
                inject(carrier)
                message = urllib.parse.quote(json.dumps({"n": n, "carrier": carrier}))
            urllib.request.urlopen(f"{options.queue}/message?body={message}", timeout=20).read()
        if options.name == "payment" and n % 5 == 0:
            try:
                raise ValueError(f"card declined for order {n}")
            except ValueError as error:
                span.record_exception(error)
                span.set_status(Status(StatusCode.ERROR, str(error)))
                log(17, f"payment failed: {error}", order=n)
        durations.record((time.time() - began) * 1000, {"route": "/order"})
        orders.add(1, {"route": "/order"})


def message(body):
    """A trace of its own, linked to the sender: the queue decouples them."""
    sent = extract(body["carrier"])
    sender = trace.get_current_span(sent).get_span_context()
    link = Link(SpanContext(sender.trace_id, sender.span_id, True, TraceFlags(1)), {"why": "message"})
    with tracer.start_as_current_span("process orders", kind=SpanKind.CONSUMER, links=[link], attributes={"messaging.destination.name": "orders", "order.number": body["n"]}):
        log(9, f"worker packs order {body['n']}", order=body["n"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/order":
            order(int(query["n"]), dict(self.headers))
        elif url.path == "/message":
            message(json.loads(query["body"]))
        self.answer({})

    def do_POST(self):
        sent = tracers.force_flush() and loggers.force_flush() and meters.force_flush()
        self.answer({"sent": bool(sent), "spans": span_truth.spans, "logs": log_truth.logs})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
sys.stdout.write(f"{server.server_port}\n")
sys.stdout.flush()
server.serve_forever()
