/** Traces that belong together, on one clock: which came from which, and where each lies between the first start and the last end. */

import type { TraceSummary } from './types';

export interface Chapter {
  trace: TraceSummary;
  /** How it came into the story; nothing for the trace that was asked for. */
  by: 'link' | 'message' | 'key' | undefined;
  /** The span where the earlier trace leads over to the later one. */
  from: { trace: string; span: string } | undefined;
  to: { trace: string; span: string } | undefined;
}

export interface StoryLine {
  chapter: Chapter;
  /** Nanoseconds since the first start. */
  start: number;
  end: number;
  /** Line of the trace at the other end, −1 for none. */
  other: number;
}

export interface StoryPicture {
  lines: StoryLine[];
  length: number;
}

export function storyPicture(chapters: readonly Chapter[]): StoryPicture {
  const byStart = chapters.toSorted((a, b) =>
    a.trace.start < b.trace.start ? -1 : a.trace.start > b.trace.start ? 1 : 0,
  );
  const zero = byStart[0]?.trace.start ?? 0n;
  const place = new Map(byStart.map((chapter, line) => [chapter.trace.id, line]));
  const lines = byStart.map(chapter => {
    const start = Number(chapter.trace.start - zero);
    const ends = [chapter.from?.trace, chapter.to?.trace].filter(id => id !== undefined && id !== chapter.trace.id);
    return { chapter, start, end: start + chapter.trace.duration, other: place.get(ends[0] ?? '') ?? -1 };
  });
  return { lines, length: Math.max(1, ...lines.map(line => line.end)) };
}
