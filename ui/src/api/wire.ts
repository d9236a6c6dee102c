// The JSON of the API as it is sent: `query/src/api/wire.rs` has the other side.

export interface Total {
  value: number;
  relation: 'eq' | 'gte';
}

export interface List<T> {
  items: T[];
  cursor?: string | null;
  total?: Total;
  complete: boolean;
  warnings?: string[];
}

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Attributes = Record<string, Json>;

export interface ServiceShareWire {
  name: string;
  spans: number;
  errors: number;
}

export interface TraceSummaryWire {
  trace_id: string;
  root_service?: string;
  root_name?: string;
  root_span_id?: string;
  root_status?: string;
  start_time: string;
  duration_nano: number;
  span_count: number;
  error_count: number;
  services: ServiceShareWire[];
  matched_spans?: number;
}

export interface SpanEventWire {
  name: string;
  time: string;
  attributes?: Attributes;
  dropped_attributes_count?: number;
}

export interface SpanLinkWire {
  trace_id: string;
  span_id: string;
  trace_state?: string;
  attributes?: Attributes;
}

export interface SpanWire {
  trace_id: string;
  span_id: string;
  parent_span_id?: string;
  start_time: string;
  duration_nano: number;
  name: string;
  kind: string;
  status_code: string;
  status_message?: string;
  service_name: string;
  service_namespace?: string;
  service_version?: string;
  service_instance_id?: string;
  deployment_environment_name?: string;
  scope_name?: string;
  attributes?: Attributes;
  resource?: Attributes;
  scope?: Attributes;
  events?: SpanEventWire[];
  links?: SpanLinkWire[];
  trace_state?: string;
  flags?: number;
  dropped_attributes_count?: number;
  dropped_events_count?: number;
  dropped_links_count?: number;
}

export interface TraceWire {
  trace: TraceSummaryWire;
  spans: SpanWire[];
  complete: boolean;
  warnings?: string[];
}

export interface LogWire {
  id: string;
  time: string;
  observed_time?: string;
  severity_number?: number;
  severity_text?: string;
  severity?: string;
  service_name: string;
  service_version?: string;
  body?: Json;
  trace_id?: string;
  span_id?: string;
  event_name?: string;
  attributes?: Attributes;
  resource?: Attributes;
  scope?: Attributes;
  flags?: number;
  /** Fields that were not sent and stand in the text. */
  derived?: string[];
}

export interface LogHistogramWire {
  bucket_nano: number;
  items: { time: string; counts: Record<string, number> }[];
  total?: Total;
  complete: boolean;
  warnings?: string[];
}

export interface TraceHistogramWire {
  bucket_nano: number;
  items: { time: string; duration_min_nano: number; duration_max_nano: number; count: number; errors: number }[];
  complete: boolean;
  warnings?: string[];
}

export interface FacetWire {
  field: string;
  values: { value: string; count: number }[];
  more?: boolean;
}

export interface PatternWire {
  pattern: string;
  count: number;
  first: string;
  last: string;
  severity?: string;
  sample?: LogWire;
}

export interface LogContextWire {
  items: LogWire[];
  index: number;
}

export interface ServiceWire {
  name: string;
  namespace?: string;
  environment?: string;
  versions?: string[];
  span_count: number;
  error_count: number;
  p50_nano?: number;
  p95_nano?: number;
  p99_nano?: number;
  log_count?: number;
  first_seen?: string;
  last_seen?: string;
}

/** One name may stand for several services: by namespace and environment. */
export interface NamedServiceWire {
  name: string;
  services: ServiceWire[];
  operations?: OperationWire[];
}

export interface OperationWire {
  name: string;
  kind?: string;
  span_count: number;
  error_count: number;
  p50_nano?: number;
  p95_nano?: number;
  p99_nano?: number;
}

export interface VersionWire {
  version: string;
  first_seen?: string;
  last_seen?: string;
  span_count: number;
  error_count: number;
  p50_nano?: number;
  p95_nano?: number;
  p99_nano?: number;
}

export interface EdgeWire {
  caller: string;
  callee: string;
  kind: string;
  count: number;
  error_count: number;
  p50_nano?: number;
  p95_nano?: number;
  p99_nano?: number;
}

export interface DependenciesWire {
  upstream: EdgeWire[];
  downstream: EdgeWire[];
  complete?: boolean;
  warnings?: string[];
}

export interface MapNodeWire {
  name: string;
  kind: 'service' | 'database' | 'queue' | 'external';
  span_count: number;
  error_count: number;
  p50_nano?: number;
  p95_nano?: number;
}

export interface MapWire {
  nodes: MapNodeWire[];
  edges: EdgeWire[];
  complete?: boolean;
  warnings?: string[];
}

export interface ErrorGroupWire {
  service_name: string;
  name: string;
  exception_type?: string;
  message?: string;
  count: number;
  first: string;
  last: string;
  sample_trace_id?: string;
}

export interface SqlWire {
  columns: { name: string; type: string }[];
  rows: Record<string, Json>[];
  stats?: Record<string, Json>;
  complete?: boolean;
  warnings?: string[];
}

export interface SqlSchemaWire {
  tables: { name: string; about?: string; columns: { name: string; type: string; about?: string }[] }[];
}

export interface CompletionWire {
  from: number;
  to: number;
  items: { insert: string; label: string; kind: 'field' | 'value' | 'keyword'; count?: number }[];
}

export type SignalCounts = Partial<Record<'spans' | 'logs' | 'metrics', number>>;

export interface ExporterWire {
  service: string;
  sdk: string;
  address: string;
  transport: string;
  last_seen: string;
  accepted: SignalCounts;
  rejected: SignalCounts;
  refused_requests: number;
  last_reason: string;
}

/** Where the bytes go: by dataset exactly, by service and attribute estimated. */
export interface SizesWire {
  bytes: number;
  datasets: {
    dataset: string;
    blocks: number;
    rows: number;
    bytes: number;
    index_bytes: number;
    bytes_per_row: number;
    oldest: string;
    newest: string;
  }[];
  services: { service: string; dataset: string; rows: number; bytes: number }[];
  attributes: { dataset: string; attribute: string; bytes: number; percent: number }[];
  advice: string[];
}

/** A question at work. */
export interface QuestionWire {
  id: string;
  path: string;
  asked: string;
  started: string;
  elapsed_nano: number;
  state: 'working' | 'waiting';
  parts: number;
  parts_done: number;
  rows_scanned: number;
}

export interface StatusWire {
  version: string;
  now: string;
  started: string;
  complete: boolean;
  endpoints: { otlp_grpc: string; otlp_http: string; http: string };
  /** Time of the newest row of each signal, in this or an earlier life of the server. */
  newest?: Partial<Record<'spans' | 'logs' | 'metrics', string | null>>;
  storage?: Record<string, Json>;
  sizes?: SizesWire;
  ingest: {
    accepted: SignalCounts;
    rejected: SignalCounts;
    connections?: number;
    duplicate_requests?: number;
    in_flight_bytes?: number;
    in_flight_bytes_max?: number;
    exporters: ExporterWire[];
    errors: { time: string; address: string; transport: string; message: string }[];
    redaction?: { name: string; action: string; redacted: number }[];
  };
  auth?: { token_needed: boolean };
}

export interface ProblemWire {
  title?: string;
  status?: number;
  detail?: string;
  position?: number;
  expected?: string;
}
