// Which span is open: in the page's state for the panel, in the address for links.

import { useCallback, useEffect, useRef, useState } from 'react';
import type { Trace } from '../../../model/trace';
import type { useAddress } from '../../../state/url';

/** The address follows the keys at this distance: a held key would else write it thirty times a second. */
const ADDRESS_MS = 200;

/** The open span: at once for the panel, a little later in the address, and back from it when a link or Back changed it. */
export function useSpanInAddress(
  trace: Trace,
  inAddress: string | undefined,
  set: ReturnType<typeof useAddress>['set'],
  index: { row(id: string): number },
): [number, (row: number) => void] {
  const written = useRef(inAddress);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [row, setRow] = useState(() => (inAddress ? index.row(inAddress) : -1));
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (inAddress === written.current) return;
    written.current = inAddress;
    setRow(inAddress ? index.row(inAddress) : -1);
  }, [inAddress, index]);
  // Another tree of the same trace: the span stands in another row.
  const id = useRef<string | null>(null);
  useEffect(() => {
    if (id.current) setRow(index.row(id.current));
  }, [index]);
  id.current = row >= 0 && row < trace.length ? trace.spanIds.at(row) : null;

  const open = useCallback(
    (next: number) => {
      setRow(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        const spanId = next >= 0 ? (trace.spanIds.at(next) ?? undefined) : undefined;
        written.current = spanId;
        set({ span: spanId });
      }, ADDRESS_MS);
    },
    [trace, set],
  );
  return [row, open];
}
