// What to copy into a program so that it sends its telemetry here, by language.

export type Place = 'here' | 'docker' | 'kubernetes';

export interface Target {
  http: string;
  grpc: string;
  /** The server asks for a token: it is named, never shown. */
  token: boolean;
}

export interface Snippet {
  key: string;
  label: string;
  about: string;
  text: string;
}

/** Addresses as `place` sees them. `seen` is the host in the browser's address. */
export function targetOf(
  endpoints: { otlp_http: string; otlp_grpc: string },
  place: Place,
  seen: string,
  token: boolean,
): Target {
  const at = (address: string) => {
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon);
    const port = address.slice(colon + 1);
    const own = /^(127\.|0\.0\.0\.0$|\[::1?\]$|localhost$)/.test(host) ? seen : host;
    const name = { here: own, docker: 'host.docker.internal', kubernetes: 'hopline.default.svc.cluster.local' }[place];
    return `http://${name}:${port}`;
  };
  return { http: at(endpoints.otlp_http), grpc: at(endpoints.otlp_grpc), token };
}

const TOKEN = '$HOPLINE_TOKEN';

export function snippets(target: Target, now: number): Snippet[] {
  const env = (extra: string[] = []) =>
    [
      'export OTEL_SERVICE_NAME=my-service',
      `export OTEL_EXPORTER_OTLP_ENDPOINT=${target.http}`,
      'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
      ...(target.token ? [`export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20${TOKEN}"`] : []),
      ...extra,
    ].join('\n');
  return [
    {
      key: 'env',
      label: 'Any SDK',
      about: 'Every OpenTelemetry SDK reads these variables. Nothing of Hopline goes into your code.',
      text: env(),
    },
    {
      key: 'collector',
      label: 'Collector',
      about: 'An OpenTelemetry Collector that you already run sends a copy here.',
      text: [
        'exporters:',
        '  otlphttp/hopline:',
        `    endpoint: ${target.http}`,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the Collector replaces it.
        ...(target.token ? ['    headers:', '      authorization: "Bearer ${env:HOPLINE_TOKEN}"'] : []),
        'service:',
        '  pipelines:',
        ...['traces', 'logs', 'metrics'].flatMap(signal => [
          `    ${signal}:`,
          '      receivers: [otlp]',
          '      exporters: [otlphttp/hopline]',
        ]),
      ].join('\n'),
    },
    {
      key: 'java',
      label: 'Java',
      about: 'The Java agent instruments a running program: no change to its code.',
      text: `${env()}\njava -javaagent:opentelemetry-javaagent.jar -jar app.jar`,
    },
    {
      key: 'node',
      label: 'Node',
      about: 'Instruments HTTP, databases and queues when the program starts.',
      text: `npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\n\n${env(['export OTEL_METRICS_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp'])}\nnode --require @opentelemetry/auto-instrumentations-node/register app.js`,
    },
    {
      key: 'python',
      label: 'Python',
      about: 'Instruments the libraries that are installed, and sends what logging writes.',
      text: `pip install opentelemetry-distro opentelemetry-exporter-otlp\nopentelemetry-bootstrap -a install\n\n${env(['export OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true'])}\nopentelemetry-instrument python app.py`,
    },
    {
      key: 'go',
      label: 'Go',
      about: 'The exporter reads the variables of “Any SDK”.',
      text: [
        'exporter, err := otlptracehttp.New(ctx,',
        `\totlptracehttp.WithEndpointURL("${target.http}/v1/traces"),`,
        ...(target.token
          ? ['\totlptracehttp.WithHeaders(map[string]string{"authorization": "Bearer " + os.Getenv("HOPLINE_TOKEN")}),']
          : []),
        ')',
        'if err != nil {',
        '\treturn err',
        '}',
        'provider := trace.NewTracerProvider(trace.WithBatcher(exporter))',
        'defer provider.Shutdown(ctx)',
        'otel.SetTracerProvider(provider)',
      ].join('\n'),
    },
    {
      key: 'dotnet',
      label: '.NET',
      about: 'Packages OpenTelemetry.Extensions.Hosting and OpenTelemetry.Exporter.OpenTelemetryProtocol.',
      text: `// with the variables of “Any SDK” set\nbuilder.Services.AddOpenTelemetry()\n    .WithTracing(tracing => tracing.AddAspNetCoreInstrumentation().AddHttpClientInstrumentation())\n    .WithMetrics(metrics => metrics.AddAspNetCoreInstrumentation())\n    .WithLogging()\n    .UseOtlpExporter();`,
    },
    {
      key: 'rust',
      label: 'Rust',
      about: 'Crates opentelemetry, opentelemetry_sdk and opentelemetry-otlp; the variables of “Any SDK” work too.',
      text: `let exporter = opentelemetry_otlp::SpanExporter::builder()\n    .with_http()\n    .with_endpoint("${target.http}/v1/traces")\n    .build()?;\nlet provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()\n    .with_batch_exporter(exporter)\n    .build();\nopentelemetry::global::set_tracer_provider(provider.clone());\n// before the program ends\nprovider.shutdown()?;`,
    },
    { key: 'curl', label: 'curl', about: 'One span by hand, as OTLP/JSON.', text: curl(target, now) },
  ];
}

function curl(target: Target, now: number): string {
  const span = {
    traceId: randomHex(16),
    spanId: randomHex(8),
    name: 'GET /hello',
    kind: 2,
    startTimeUnixNano: `${BigInt(now) * 1_000_000n}`,
    endTimeUnixNano: `${BigInt(now + 120) * 1_000_000n}`,
  };
  const body = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'my-service' } }] },
        scopeSpans: [{ spans: [span] }],
      },
    ],
  };
  const header = target.token ? ` -H "authorization: Bearer ${TOKEN}"` : '';
  return `curl ${target.http}/v1/traces -H 'content-type: application/json'${header} -d '${JSON.stringify(body)}'`;
}

function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), one => one.toString(16).padStart(2, '0')).join('');
}
