import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.LogRecordProcessor;
import io.opentelemetry.sdk.logs.ReadWriteLogRecord;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * A web service instrumented with the real OpenTelemetry SDK for Java, that also writes down what it did.
 *
 * <pre>java -cp … Till NAME [--next URL] [--protocol grpc|http] [--gzip]</pre>
 *
 * Prints its port. GET /order?n=1 does the work and calls the next service; POST /flush exports everything and answers the ground
 * truth, span by span. The endpoint comes from OTEL_EXPORTER_OTLP_ENDPOINT, as in any service.
 */
public final class Till {
  private static final List<Object> SPANS = Collections.synchronizedList(new ArrayList<>());
  private static final List<Object> LOGS = Collections.synchronizedList(new ArrayList<>());

  private final String name;
  private final String next;
  private final SdkTracerProvider tracers;
  private final SdkLoggerProvider loggers;
  private final SdkMeterProvider meters;
  private final Tracer tracer;
  private final Logger logger;

  private Till(String name, String next, boolean grpc, boolean gzip) {
    this.name = name;
    this.next = next;
    String endpoint = System.getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    String compression = gzip ? "gzip" : "none";
    SpanExporter spans = grpc
        ? OtlpGrpcSpanExporter.builder().setEndpoint(endpoint).setCompression(compression).build()
        : OtlpHttpSpanExporter.builder().setEndpoint(endpoint + "/v1/traces").setCompression(compression).build();
    LogRecordExporter logs = grpc
        ? OtlpGrpcLogRecordExporter.builder().setEndpoint(endpoint).setCompression(compression).build()
        : OtlpHttpLogRecordExporter.builder().setEndpoint(endpoint + "/v1/logs").setCompression(compression).build();
    MetricExporter points = grpc
        ? OtlpGrpcMetricExporter.builder().setEndpoint(endpoint).setCompression(compression).build()
        : OtlpHttpMetricExporter.builder().setEndpoint(endpoint + "/v1/metrics").setCompression(compression).build();
    Resource resource = Resource.getDefault().merge(Resource.create(Attributes.of(
        AttributeKey.stringKey("service.name"), name, AttributeKey.stringKey("service.version"), "4.0.1")));
    Duration never = Duration.ofMinutes(1);
    tracers = SdkTracerProvider.builder().setResource(resource).addSpanProcessor(new SpanTruth(name))
        .addSpanProcessor(BatchSpanProcessor.builder(spans).setScheduleDelay(never).build()).build();
    loggers = SdkLoggerProvider.builder().setResource(resource).addLogRecordProcessor(new LogTruth(name))
        .addLogRecordProcessor(BatchLogRecordProcessor.builder(logs).setScheduleDelay(never).build()).build();
    meters = SdkMeterProvider.builder().setResource(resource)
        .registerMetricReader(PeriodicMetricReader.builder(points).setInterval(Duration.ofHours(1)).build()).build();
    tracer = tracers.tracerBuilder("till").setInstrumentationVersion("0.1").build();
    logger = loggers.loggerBuilder("till").build();
  }

  private void order(int n, Context parent) throws IOException, InterruptedException {
    Span span = tracer.spanBuilder("GET /order").setParent(parent).setSpanKind(SpanKind.SERVER).startSpan();
    try (Scope ignored = span.makeCurrent()) {
      span.setAttribute("http.route", "/order").setAttribute("order.number", n).setAttribute("order.price", n + 0.5)
          .setAttribute("order.gift", n % 2 == 0).setAttribute("big", (1L << 62) + n)
          .setAttribute(AttributeKey.stringArrayKey("tags"), Arrays.asList("grün", "neu"));
      say(Severity.INFO, name + " takes order " + n, n);
      span.addEvent("cache.miss", Attributes.of(AttributeKey.stringKey("key"), "order:" + n));
      if (next != null) {
        Span client = tracer.spanBuilder("GET").setSpanKind(SpanKind.CLIENT).addLink(span.getSpanContext())
            .setAttribute("url.full", next).startSpan();
        try (Scope inner = client.makeCurrent()) {
          HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(next + "/order?n=" + n));
          W3CTraceContextPropagator.getInstance().inject(Context.current(), request, (carrier, key, value) -> carrier.header(key, value));
          HttpResponse<String> response = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
          client.setAttribute("http.response.status_code", response.statusCode());
        } finally {
          client.end();
        }
      }
      if (n % 6 == 0) {
        span.setStatus(StatusCode.ERROR, "till is closed");
        span.recordException(new IllegalStateException("till is closed"));
        say(Severity.ERROR, "order failed: till is closed", n);
      }
      meters.get("till").counterBuilder("till.orders").build().add(1, Attributes.of(AttributeKey.stringKey("route"), "/order"));
      meters.get("till").histogramBuilder("till.amount").setUnit("EUR").build().record(n + 0.5);
    } finally {
      span.end();
    }
  }

  private void say(Severity severity, String body, int n) {
    logger.logRecordBuilder().setTimestamp(System.currentTimeMillis(), TimeUnit.MILLISECONDS).setSeverity(severity).setBody(body)
        .setAttribute(AttributeKey.longKey("order"), (long) n).emit();
  }

  private String flush() {
    boolean sent = true;
    for (CompletableResultCode result : List.of(tracers.forceFlush(), loggers.forceFlush(), meters.forceFlush())) {
      sent &= result.join(30, TimeUnit.SECONDS).isSuccess();
    }
    Map<String, Object> truth = new LinkedHashMap<>();
    truth.put("sent", sent);
    truth.put("spans", new ArrayList<>(SPANS));
    truth.put("logs", new ArrayList<>(LOGS));
    return json(truth);
  }

  /** Stands beside the exporter and sees each span as it ends. */
  private record SpanTruth(String service) implements SpanProcessor {
    @Override
    public void onStart(Context parent, ReadWriteSpan span) {}

    @Override
    public boolean isStartRequired() {
      return false;
    }

    @Override
    public boolean isEndRequired() {
      return true;
    }

    @Override
    public void onEnd(ReadableSpan ended) {
      SpanData span = ended.toSpanData();
      List<Object> events = new ArrayList<>();
      for (EventData event : span.getEvents()) {
        events.add(object("name", event.getName(), "time_unix_nano", Long.toString(event.getEpochNanos()), "attributes", plain(event.getAttributes())));
      }
      List<Object> links = new ArrayList<>();
      for (LinkData link : span.getLinks()) {
        links.add(object("trace_id", link.getSpanContext().getTraceId(), "span_id", link.getSpanContext().getSpanId(), "attributes", plain(link.getAttributes())));
      }
      SPANS.add(object(
          "trace_id", span.getTraceId(),
          "span_id", span.getSpanId(),
          "parent_span_id", span.getParentSpanContext().isValid() ? span.getParentSpanId() : null,
          "service_name", service,
          "name", span.getName(),
          "kind", span.getKind().name().toLowerCase(),
          "start_time_unix_nano", Long.toString(span.getStartEpochNanos()),
          "duration_nano", span.getEndEpochNanos() - span.getStartEpochNanos(),
          "status_code", span.getStatus().getStatusCode().name().toLowerCase(),
          "status_message", span.getStatus().getDescription(),
          "attributes", plain(span.getAttributes()),
          "events", events,
          "links", links));
    }
  }

  private record LogTruth(String service) implements LogRecordProcessor {
    @Override
    public void onEmit(Context context, ReadWriteLogRecord record) {
      LogRecordData log = record.toLogRecordData();
      LOGS.add(object(
          "trace_id", log.getSpanContext().getTraceId(),
          "span_id", log.getSpanContext().getSpanId(),
          "service_name", service,
          "severity_number", log.getSeverity().getSeverityNumber(),
          "body", log.getBodyValue().asString()));
    }
  }

  private static Map<String, Object> plain(Attributes attributes) {
    Map<String, Object> all = new LinkedHashMap<>();
    attributes.forEach((key, value) -> all.put(key.getKey(), value));
    return all;
  }

  private static Map<String, Object> object(Object... pairs) {
    Map<String, Object> all = new LinkedHashMap<>();
    for (int at = 0; at < pairs.length; at += 2) {
      all.put((String) pairs[at], pairs[at + 1]);
    }
    return all;
  }

  private static String json(Object value) {
    if (value instanceof Map<?, ?> map) {
      List<String> members = new ArrayList<>();
      map.forEach((key, member) -> members.add(json(key) + ":" + json(member)));
      return "{" + String.join(",", members) + "}";
    }
    if (value instanceof List<?> list) {
      List<String> items = new ArrayList<>();
      list.forEach(item -> items.add(json(item)));
      return "[" + String.join(",", items) + "]";
    }
    if (value instanceof String text) {
      StringBuilder out = new StringBuilder("\"");
      for (char c : text.toCharArray()) {
        if (c == '"' || c == '\\') {
          out.append('\\').append(c);
        } else if (c < 0x20) {
          out.append(String.format("\\u%04x", (int) c));
        } else {
          out.append(c);
        }
      }
      return out.append('"').toString();
    }
    return String.valueOf(value);
  }

  private static final TextMapGetter<HttpExchange> HEADERS = new TextMapGetter<>() {
    @Override
    public Iterable<String> keys(HttpExchange exchange) {
      return exchange.getRequestHeaders().keySet();
    }

    @Override
    public String get(HttpExchange exchange, String key) {
      return exchange.getRequestHeaders().getFirst(key);
    }
  };

  private static void answer(HttpExchange exchange, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getRequestBody().readAllBytes();
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  public static void main(String[] arguments) throws IOException {
    List<String> given = Arrays.asList(arguments);
    int at = given.indexOf("--next");
    boolean grpc = given.contains("--protocol") && given.get(given.indexOf("--protocol") + 1).equals("grpc");
    Till till = new Till(given.get(0), at < 0 ? null : given.get(at + 1), grpc, given.contains("--gzip"));
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/order", exchange -> {
      try {
        Context parent = W3CTraceContextPropagator.getInstance().extract(Context.root(), exchange, HEADERS);
        till.order(Integer.parseInt(exchange.getRequestURI().getQuery().substring("n=".length())), parent);
        answer(exchange, "{}");
      } catch (InterruptedException | RuntimeException error) {
        error.printStackTrace();
        exchange.close();
      }
    });
    server.createContext("/flush", exchange -> answer(exchange, till.flush()));
    server.start();
    System.out.println(server.getAddress().getPort());
  }
}
