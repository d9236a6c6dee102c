// When the newest row of a signal was: asked only where a search found nothing.

import { useQuery } from '@tanstack/react-query';
import { type Nanos, parseInstant } from '../model/time';
import { status } from './status';

export function useNewest(signalName: 'spans' | 'logs', wanted: boolean): Nanos | undefined {
  const state = useQuery({ queryKey: ['status'], queryFn: ({ signal }) => status(signal), enabled: wanted });
  const time = state.data?.newest?.[signalName];
  return time ? parseInstant(time) : undefined;
}
