// The one fetch: base path, abort, errors. Everything else in `api/` goes through it.

import type { ProblemWire } from './wire';

/** An answer that is an error, or none at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  /** Character in `q` where a mistake stands. */
  readonly position: number | undefined;
  readonly expected: string | undefined;
  /** What was asked, for a report. */
  readonly path: string;

  constructor(path: string, status: number, problem: ProblemWire, query?: string) {
    super(problem.detail || problem.title || `the server answered ${status}`);
    this.name = 'ApiError';
    this.path = path;
    this.status = status;
    this.title = problem.title ?? '';
    this.expected = problem.expected;
    this.position =
      problem.position === undefined || query === undefined ? undefined : charOfByte(query, problem.position);
  }
}

export type Params = Record<string, string | number | boolean | undefined>;

type Listener = () => void;
const unauthorized = new Set<Listener>();

/** Called whenever the server asks for a token. */
export function onUnauthorized(listener: Listener): Listener {
  unauthorized.add(listener);
  return () => unauthorized.delete(listener);
}

/** The address of an endpoint; parameters that are undefined or empty are left out. */
export function address(path: string, params: Params = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return `${import.meta.env.BASE_URL.replace(/\/$/, '')}${path}${text ? `?${text}` : ''}`;
}

async function ask(path: string, params: Params, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address(path, params), { credentials: 'same-origin', ...init });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new ApiError(path, 0, { detail: 'the server cannot be reached: is `hopline serve` still running?' });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401) for (const listener of unauthorized) listener();
  throw new ApiError(path, response.status, problem, typeof params.q === 'string' ? params.q : undefined);
}

async function problemOf(response: Response): Promise<ProblemWire> {
  const text = await response.text().catch(() => '');
  try {
    return JSON.parse(text) as ProblemWire;
  } catch {
    return { detail: text.slice(0, 500) || `the server answered ${response.status} ${response.statusText}`.trim() };
  }
}

export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const response = await ask(path, params, { headers: { accept: 'application/json' }, signal });
  return (await response.json()) as T;
}

export async function getBytes(
  path: string,
  accept: string,
  params: Params = {},
  signal?: AbortSignal,
): Promise<ArrayBuffer> {
  const response = await ask(path, params, { headers: { accept }, signal });
  return response.arrayBuffer();
}

export async function post<T>(
  path: string,
  body: unknown,
  signal?: AbortSignal,
  accept = 'application/json',
): Promise<T> {
  const response = await ask(
    path,
    {},
    {
      method: 'POST',
      headers: { accept, 'content-type': 'application/json' },
      body: JSON.stringify(body ?? {}),
      signal,
    },
  );
  if (response.status === 204) return undefined as T;
  return (accept === 'application/json' ? await response.json() : await response.text()) as T;
}

export async function remove(path: string): Promise<void> {
  await ask(path, {}, { method: 'DELETE', headers: { accept: 'application/json' } });
}

/** Positions of the server count bytes of UTF-8; those of the page count UTF-16 units. */
export function charOfByte(text: string, byte: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, byte)).length;
}

export function byteOfChar(text: string, char: number): number {
  return new TextEncoder().encode(text.slice(0, char)).length;
}
