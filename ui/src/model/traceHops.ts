/** The hops of a trace as a picture: a lane for each service, an arrow for each call, and the gap between two clocks. */

export interface HopEnd {
  service: string;
  version: string | undefined;
  operation: string | undefined;
  spanId: string | undefined;
}

export interface Hop {
  hop: number;
  depth: number;
  kind: string;
  pairing: string;
  protocol: string | undefined;
  caller: HopEnd;
  callee: HopEnd;
  /** Nanoseconds since the start of the trace. */
  start: number;
  client: number | undefined;
  server: number | undefined;
  network: number | undefined;
  queue: number | undefined;
  self: number | undefined;
  critical: number | undefined;
  attempt: number;
  failed: boolean;
  firstCause: boolean;
  logs: number;
  via: string;
}

/** Where the parts of a hop lie: caller's bar, the way there, the callee's bar. */
export interface HopShape {
  hop: Hop;
  from: number;
  to: number;
  callerStart: number;
  callerEnd: number;
  calleeStart: number;
  calleeEnd: number;
}

export interface HopPicture {
  lanes: string[];
  shapes: HopShape[];
  end: number;
}

/** How long a hop took from the caller's side, or what is known of it. */
export function hopTime(hop: Hop): number {
  return hop.client ?? (hop.server ?? 0) + (hop.queue ?? 0) + (hop.network ?? 0);
}

/** `until`: when the request itself ended. */
export function hopPicture(hops: readonly Hop[], until = 1): HopPicture {
  const lanes: string[] = [];
  const lane = (service: string) => {
    const known = lanes.indexOf(service);
    return known >= 0 ? known : lanes.push(service) - 1;
  };
  let end = Math.max(1, until);
  const shapes = hops.map(hop => {
    const message = hop.kind === 'message';
    const client = hop.client ?? 0;
    const server = hop.server ?? 0;
    // A request's network time is there and back; a message waits in the queue after it was sent. Of a peer that sends
    // no spans only the caller's time is known, so it fills that.
    const way = message ? client + (hop.queue ?? 0) : (hop.network ?? Math.max(0, client - server)) / 2;
    const calleeStart = hop.start + (hop.server === undefined && !message ? 0 : way);
    const shape = {
      hop,
      from: lane(hop.caller.service),
      to: lane(hop.callee.service),
      callerStart: hop.start,
      callerEnd: hop.start + (client || hopTime(hop)),
      calleeStart,
      calleeEnd: calleeStart + (server || (message ? 0 : client)),
    };
    end = Math.max(end, shape.callerEnd, shape.calleeEnd);
    return shape;
  });
  return { lanes, shapes, end };
}
