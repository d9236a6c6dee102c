// One trace as it is sent: its hops, its verdict, its critical path (spans and summaries are in wire.ts).

export interface HopEndWire {
  service?: string;
  version?: string;
  instance?: string;
  operation?: string;
  span_id?: string;
}

export interface HopWire {
  hop: number;
  parent_hop?: number;
  depth: number;
  kind: 'rpc' | 'message' | 'db' | 'external';
  pairing: 'kind' | 'link' | 'service' | 'peer' | 'inferred';
  protocol?: string;
  caller?: HopEndWire;
  callee?: HopEndWire;
  start: string;
  client_nano?: number;
  server_nano?: number;
  network_nano?: number;
  queue_nano?: number;
  self_nano?: number;
  critical_nano?: number;
  attempt?: number;
  status?: string;
  is_first_cause?: boolean;
  log_count?: number;
  skew_nano?: number;
  via?: string[] | string;
}

export interface HopsWire {
  items: HopWire[];
  defects?: string[];
  complete?: boolean;
  warnings?: string[];
}

export interface CriticalPathWire {
  items: { span_id: string; service_name: string; name: string; start_nano: number; nano: number }[];
  total_nano: number;
}

export interface WhyWire {
  verdict: 'slow' | 'failed' | 'slow_and_failed' | 'degraded' | 'ordinary' | 'too_few';
  headline: string;
  duration_nano: number;
  usual_nano?: number;
  compared_with?: number;
  excess?: { hop: number; caller: string; callee: string; name: string; excess_nano: number; share: number }[];
  first_cause?: { span_id: string; service_name: string; name: string; message?: string; exception_type?: string };
  first_seen?: { service: string; version: string; time: string };
  alike?: number;
  missing_hops?: { caller: string; callee: string; usual_share: number }[];
  warnings?: string[];
}

interface SpanEndWire {
  trace_id: string;
  span_id: string;
}

export interface StoryWire {
  items: {
    trace_id: string;
    root_service?: string;
    root_name?: string;
    linked_by: string;
    from?: SpanEndWire;
    to?: SpanEndWire;
  }[];
}
