import type { TraceSummary } from '../../../model/types';

const OFFERED = 6;

export interface Offer {
  item: TraceSummary;
  note: string;
}

/** What to compare with: the sound one nearest to the usual first, then the others as they came, without the trace itself. */
export function offer(items: readonly TraceSummary[], id: string, usual: number | undefined): Offer[] {
  const others = items.filter(item => item.id !== id);
  const sound = others.filter(item => !item.failed);
  const from = sound.length > 0 ? sound : others;
  const durations = from.map(item => item.duration).sort((a, b) => a - b);
  const middle = usual ?? durations[Math.floor(durations.length / 2)] ?? 0;
  const typical = from.toSorted((a, b) => Math.abs(a.duration - middle) - Math.abs(b.duration - middle))[0];
  if (!typical) return [];
  const rest = others.filter(item => item !== typical).slice(0, OFFERED - 1);
  return [{ item: typical, note: 'as usual' }, ...rest.map(item => ({ item, note: '' }))];
}
