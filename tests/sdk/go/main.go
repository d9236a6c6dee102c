// A web service instrumented with the real OpenTelemetry SDK for Go, that also writes down what it did.
//
//	go run . NAME [-next URL] [-protocol grpc|http] [-gzip]
//
// Prints its port. GET /order?n=1 does the work and calls the next service; POST /flush exports everything and answers the
// ground truth, span by span. The endpoint comes from OTEL_EXPORTER_OTLP_ENDPOINT, as in any service.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type object = map[string]any

// spanTruth stands beside the exporter and sees each span as it ends.
type spanTruth struct {
	mutex   sync.Mutex
	service string
	spans   []object
	logs    []object
}

func plain(attributes []attribute.KeyValue) object {
	all := object{}
	for _, pair := range attributes {
		all[string(pair.Key)] = pair.Value.AsInterface()
	}
	return all
}

func (truth *spanTruth) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (truth *spanTruth) OnEnd(span sdktrace.ReadOnlySpan) {
	at := span.SpanContext()
	events, links := []object{}, []object{}
	for _, event := range span.Events() {
		events = append(events, object{"name": event.Name, "time_unix_nano": strconv.FormatInt(event.Time.UnixNano(), 10), "attributes": plain(event.Attributes)})
	}
	for _, link := range span.Links() {
		links = append(links, object{"trace_id": link.SpanContext.TraceID().String(), "span_id": link.SpanContext.SpanID().String(), "attributes": plain(link.Attributes)})
	}
	parent := ""
	if span.Parent().HasSpanID() {
		parent = span.Parent().SpanID().String()
	}
	truth.mutex.Lock()
	defer truth.mutex.Unlock()
	truth.spans = append(truth.spans, object{
		"trace_id":             at.TraceID().String(),
		"span_id":              at.SpanID().String(),
		"parent_span_id":       parent,
		"service_name":         truth.service,
		"name":                 span.Name(),
		"kind":                 span.SpanKind().String(),
		"start_time_unix_nano": strconv.FormatInt(span.StartTime().UnixNano(), 10),
		"duration_nano":        span.EndTime().UnixNano() - span.StartTime().UnixNano(),
		"status_code":          strings.ToLower(span.Status().Code.String()),
		"status_message":       span.Status().Description,
		"attributes":           plain(span.Attributes()),
		"events":               events,
		"links":                links,
	})
}

func (truth *spanTruth) Shutdown(context.Context) error   { return nil }
func (truth *spanTruth) ForceFlush(context.Context) error { return nil }

// logTruth does the same for log records.
type logTruth struct{ *spanTruth }

func (truth logTruth) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (truth logTruth) OnEmit(_ context.Context, record *sdklog.Record) error {
	truth.mutex.Lock()
	defer truth.mutex.Unlock()
	truth.logs = append(truth.logs, object{
		"trace_id":        record.TraceID().String(),
		"span_id":         record.SpanID().String(),
		"service_name":    truth.service,
		"severity_number": int(record.Severity()),
		"body":            record.Body().AsString(),
	})
	return nil
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func exporters(ctx context.Context, protocol string, gzip bool) (sdktrace.SpanExporter, sdklog.Exporter, sdkmetric.Exporter) {
	if protocol == "grpc" {
		spans := []otlptracegrpc.Option{otlptracegrpc.WithInsecure()}
		logs := []otlploggrpc.Option{otlploggrpc.WithInsecure()}
		points := []otlpmetricgrpc.Option{otlpmetricgrpc.WithInsecure()}
		if gzip {
			spans = append(spans, otlptracegrpc.WithCompressor("gzip"))
			logs = append(logs, otlploggrpc.WithCompressor("gzip"))
			points = append(points, otlpmetricgrpc.WithCompressor("gzip"))
		}
		return must(otlptrace.New(ctx, otlptracegrpc.NewClient(spans...))), must(otlploggrpc.New(ctx, logs...)), must(otlpmetricgrpc.New(ctx, points...))
	}
	spans := []otlptracehttp.Option{otlptracehttp.WithInsecure()}
	logs := []otlploghttp.Option{otlploghttp.WithInsecure()}
	points := []otlpmetrichttp.Option{otlpmetrichttp.WithInsecure()}
	if gzip {
		spans = append(spans, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		logs = append(logs, otlploghttp.WithCompression(otlploghttp.GzipCompression))
		points = append(points, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	return must(otlptrace.New(ctx, otlptracehttp.NewClient(spans...))), must(otlploghttp.New(ctx, logs...)), must(otlpmetrichttp.New(ctx, points...))
}

func main() {
	name := os.Args[1]
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	next := flags.String("next", "", "the service to call")
	protocol := flags.String("protocol", "http", "grpc or http")
	gzip := flags.Bool("gzip", false, "compress what is exported")
	must(0, flags.Parse(os.Args[2:]))

	ctx := context.Background()
	spanExporter, logExporter, pointExporter := exporters(ctx, *protocol, *gzip)
	about := resource.NewSchemaless(attribute.String("service.name", name), attribute.String("service.version", "3.1.0"), attribute.String("deployment.environment.name", "test"))
	truth := &spanTruth{service: name}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSpanProcessor(truth), sdktrace.WithBatcher(spanExporter, sdktrace.WithBatchTimeout(time.Minute)))
	loggers := sdklog.NewLoggerProvider(sdklog.WithResource(about), sdklog.WithProcessor(logTruth{truth}), sdklog.WithProcessor(sdklog.NewBatchProcessor(logExporter, sdklog.WithExportInterval(time.Minute))))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(pointExporter, sdkmetric.WithInterval(time.Hour))))

	tracer := tracers.Tracer("stock", trace.WithInstrumentationVersion("0.1"))
	logger := loggers.Logger("stock")
	meter := meters.Meter("stock")
	orders := must(meter.Int64Counter("stock.orders"))
	durations := must(meter.Float64Histogram("stock.duration", metric.WithUnit("ms")))
	propagator := propagation.TraceContext{}

	say := func(ctx context.Context, severity log.Severity, body string, n int) {
		var record log.Record
		record.SetTimestamp(time.Now())
		record.SetSeverity(severity)
		record.SetBody(attribute.StringValue(body))
		record.AddAttributes(attribute.Int("order", n))
		logger.Emit(ctx, record)
	}

	order := func(ctx context.Context, n int) {
		began := time.Now()
		ctx, span := tracer.Start(ctx, "GET /order", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.route", "/order"), attribute.Int("order.number", n), attribute.Float64("order.price", float64(n)+0.5),
			attribute.Bool("order.gift", n%2 == 0), attribute.StringSlice("tags", []string{"grün", "neu"}), attribute.Int64("big", 1<<62+int64(n))))
		defer span.End()
		say(ctx, log.SeverityInfo, fmt.Sprintf("%s takes order %d", name, n), n)
		span.AddEvent("cache.miss", trace.WithAttributes(attribute.String("key", fmt.Sprintf("order:%d", n))))
		if *next != "" {
			clientCtx, client := tracer.Start(ctx, "GET", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("url.full", *next)),
				trace.WithLinks(trace.Link{SpanContext: span.SpanContext(), Attributes: []attribute.KeyValue{attribute.String("why", "caller")}}))
			request := must(http.NewRequest("GET", fmt.Sprintf("%s/order?n=%d", *next, n), nil))
			propagator.Inject(clientCtx, propagation.HeaderCarrier(request.Header))
			response := must(http.DefaultClient.Do(request))
			must(0, response.Body.Close())
			client.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
			client.End()
		}
		if n%4 == 0 {
			err := errors.New("out of stock")
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
			say(ctx, log.SeverityError, "order failed: out of stock", n)
		}
		orders.Add(ctx, 1, metric.WithAttributes(attribute.String("route", "/order")))
		durations.Record(ctx, float64(time.Since(began).Microseconds())/1000, metric.WithAttributes(attribute.String("route", "/order")))
	}

	http.HandleFunc("/order", func(writer http.ResponseWriter, request *http.Request) {
		n := must(strconv.Atoi(request.URL.Query().Get("n")))
		order(propagator.Extract(request.Context(), propagation.HeaderCarrier(request.Header)), n)
		fmt.Fprint(writer, "{}")
	})
	http.HandleFunc("/flush", func(writer http.ResponseWriter, request *http.Request) {
		err := errors.Join(tracers.ForceFlush(ctx), loggers.ForceFlush(ctx), meters.ForceFlush(ctx))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		truth.mutex.Lock()
		defer truth.mutex.Unlock()
		must(0, json.NewEncoder(writer).Encode(object{"sent": err == nil, "spans": truth.spans, "logs": truth.logs}))
	})
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	must(0, http.Serve(listener, nil))
}
