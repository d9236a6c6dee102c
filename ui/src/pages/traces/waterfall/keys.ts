/** Which key means which command while the tree grid has the focus; letters act on the whole page (TracePage). */

export type WaterfallCommand =
  | 'next'
  | 'previous'
  | 'pageDown'
  | 'pageUp'
  | 'first'
  | 'last'
  | 'open'
  | 'close'
  | 'openAll'
  | 'closeAll'
  | 'expandTrace'
  | 'collapseTrace'
  | 'parent'
  | 'details'
  | 'zoomIn'
  | 'zoomOut'
  | 'panLeft'
  | 'panRight'
  | 'fit'
  | 'zoomToSpan';

const PLAIN: Record<string, WaterfallCommand> = {
  ArrowDown: 'next',
  ArrowUp: 'previous',
  ArrowRight: 'open',
  ArrowLeft: 'close',
  PageDown: 'pageDown',
  PageUp: 'pageUp',
  Home: 'first',
  End: 'last',
  Enter: 'details',
};

const SHIFTED: Record<string, WaterfallCommand> = { ArrowRight: 'openAll', ArrowLeft: 'closeAll' };

type Pressed = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'metaKey' | 'altKey'>;

export function gridKey(event: Pressed): WaterfallCommand | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  return (event.shiftKey ? SHIFTED : PLAIN)[event.key];
}

/** Letters and what they do, as the list of shortcuts shows them. */
export const LETTERS: { keys: string; about: string; command: WaterfallCommand }[] = [
  { keys: 'j', about: 'Next row', command: 'next' },
  { keys: 'k', about: 'Previous row', command: 'previous' },
  { keys: 'u', about: 'To the parent', command: 'parent' },
  { keys: 'w', about: 'Zoom in', command: 'zoomIn' },
  { keys: 's', about: 'Zoom out', command: 'zoomOut' },
  { keys: 'a', about: 'Earlier', command: 'panLeft' },
  { keys: 'd', about: 'Later', command: 'panRight' },
  { keys: '0', about: 'Whole trace', command: 'fit' },
  { keys: 'f', about: 'Zoom to the span', command: 'zoomToSpan' },
];
