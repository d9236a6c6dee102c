import { type RefObject, useLayoutEffect, useRef } from 'react';
import type { Trace } from '../../../model/trace';
import { useShownTheme } from '../../../state/preferences';
import { Waterfall, type WaterfallEvents, type WaterfallOptions } from './Waterfall';
import './waterfall.css';

/** Mounts the waterfall before the first frame and hands it what changes; it does the rest itself. */
export function WaterfallView({
  trace,
  options,
  events,
  start,
  handle,
}: {
  trace: Trace;
  options: WaterfallOptions;
  events: WaterfallEvents;
  /** Called once it stands, to bring it where the address says. */
  start: (waterfall: Waterfall) => void;
  handle: RefObject<Waterfall | null>;
}) {
  const host = useRef<HTMLDivElement>(null);
  const latest = useRef(events);
  latest.current = events;
  const theme = useShownTheme();

  // biome-ignore lint/correctness/useExhaustiveDependencies: made once; the effects below bring it up to date.
  useLayoutEffect(() => {
    const made = new Waterfall(host.current!, trace, options, {
      onSelect: span => latest.current.onSelect(span),
      onOpen: span => latest.current.onOpen(span),
      onOpenLog: log => latest.current.onOpenLog(log),
      onZoom: view => latest.current.onZoom(view),
      onShown: spans => latest.current.onShown(spans),
      onPainted: () => latest.current.onPainted(),
    });
    handle.current = made;
    start(made);
    return () => {
      made.destroy();
      handle.current = null;
    };
  }, []);

  useLayoutEffect(() => handle.current?.setTrace(trace), [handle, trace]);
  useLayoutEffect(() => handle.current?.setOptions(options), [handle, options]);
  useLayoutEffect(() => handle.current?.restyle(theme), [handle, theme]);

  return <div ref={host} className="waterfall-host" />;
}
