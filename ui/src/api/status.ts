// The state of the server, the test trace, the session.

import { ApiError, get, post, remove } from './client';
import type { List, QuestionWire, StatusWire } from './wire';

export const status = (signal: AbortSignal) => get<StatusWire>('/api/v1/status', {}, signal);

/** Questions at work, oldest first; nothing from a server that does not list them. */
export async function questions(signal: AbortSignal): Promise<QuestionWire[] | null> {
  try {
    return (await get<List<QuestionWire>>('/api/v1/queries', {}, signal)).items;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export const stopQuestion = (id: string) => remove(`/api/v1/queries/${encodeURIComponent(id)}`);

export const sendTestTrace = () => post<{ trace_id: string }>('/api/v1/test-trace', {});

export const logIn = (token: string) => post<void>('/login', { token });

export const logOut = () => post<void>('/logout', {});
