// The state of the server, the test trace, the session.

import { get, post } from './client';
import type { StatusWire } from './wire';

export const status = (signal: AbortSignal) => get<StatusWire>('/api/v1/status', {}, signal);

export const sendTestTrace = () => post<{ trace_id: string }>('/api/v1/test-trace', {});

export const logIn = (token: string) => post<void>('/login', { token });

export const logOut = () => post<void>('/logout', {});
