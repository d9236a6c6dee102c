import { formatDuration } from '../../../model/format';

/** `+12.3 s`, `−4 ms`, `±0`. */
export function formatDelta(nano: number): string {
  if (nano === 0) return '±0';
  return nano > 0 ? `+${formatDuration(nano)}` : formatDuration(nano);
}
