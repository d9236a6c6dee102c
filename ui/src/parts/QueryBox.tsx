// The query: plain input, completion from the server, a mistake underlined where it stands.

import { type FormEvent, type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { formatCount } from '../model/format';
import { Icon } from './Icon';

export interface Suggestions {
  from: number;
  to: number;
  items: { insert: string; label: string; kind: string; count?: number }[];
}

export interface QueryMistake {
  message: string;
  position?: number;
  expected?: string;
}

export function QueryBox({
  value,
  label,
  placeholder,
  onRun,
  complete,
  mistake,
}: {
  value: string;
  label: string;
  placeholder: string;
  onRun: (q: string) => void;
  complete: (q: string, cursor: number, signal: AbortSignal) => Promise<Suggestions>;
  mistake?: QueryMistake;
}) {
  const [draft, setDraft] = useState(value);
  const [suggestions, setSuggestions] = useState<Suggestions | undefined>();
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const mirror = useRef<HTMLDivElement>(null);
  const asking = useRef<AbortController>(undefined);
  const cursorAfter = useRef<number>(undefined);
  const id = useId();
  const open = suggestions !== undefined && suggestions.items.length > 0;

  useEffect(() => setDraft(value), [value]);
  useEffect(() => () => asking.current?.abort(), []);
  useLayoutEffect(() => {
    if (cursorAfter.current === undefined) return;
    input.current?.setSelectionRange(cursorAfter.current, cursorAfter.current);
    cursorAfter.current = undefined;
  });

  const close = () => {
    asking.current?.abort();
    setSuggestions(undefined);
    setActive(-1);
  };
  const ask = (text: string, cursor: number) => {
    asking.current?.abort();
    const controller = new AbortController();
    asking.current = controller;
    setTimeout(() => {
      if (controller.signal.aborted) return;
      complete(text, cursor, controller.signal).then(
        found => {
          if (controller.signal.aborted) return;
          setSuggestions(found);
          setActive(-1);
        },
        // Completion is a help: without it the box still works.
        () => undefined,
      );
    }, 40);
  };
  const run = (text: string) => {
    close();
    onRun(text.trim());
  };
  const accept = (index: number) => {
    const item = suggestions?.items[index];
    if (!item || !suggestions) return;
    // What is inserted brings its own colon or space; one that is there already is not doubled.
    const rest = draft.slice(suggestions.to);
    const inserted = rest.startsWith(' ') ? item.insert.trimEnd() : item.insert;
    const next = draft.slice(0, suggestions.from) + inserted + rest;
    const cursor = suggestions.from + inserted.length;
    setDraft(next);
    cursorAfter.current = cursor;
    ask(next, cursor);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const count = suggestions?.items.length ?? 0;
    if (event.key === 'ArrowDown' && open) setActive((active + 1) % count);
    else if (event.key === 'ArrowUp' && open) setActive(active <= 0 ? count - 1 : active - 1);
    else if ((event.key === 'ArrowDown' || (event.key === ' ' && event.ctrlKey)) && !open) {
      ask(draft, event.currentTarget.selectionStart ?? draft.length);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && open && active >= 0) accept(active);
    else if (event.key === 'Escape' && open) close();
    else if (event.key === 'Escape') input.current?.blur();
    else return;
    event.preventDefault();
  };
  const shownMistake = mistake && draft === value ? mistake : undefined;
  const at = shownMistake?.position;
  return (
    <search>
      <form
        className="query-box"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          run(draft);
        }}
      >
        <Icon name="search" />
        <div className="query-field">
          <div className="query-mirror" ref={mirror} aria-hidden="true">
            {at !== undefined && (
              <>
                {draft.slice(0, at)}
                <mark>{draft.slice(at) || '\u00a0\u00a0'}</mark>
              </>
            )}
          </div>
          <input
            ref={input}
            data-query=""
            type="text"
            role="combobox"
            aria-label={label}
            aria-expanded={open}
            aria-controls={open ? id : undefined}
            aria-autocomplete="list"
            aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
            aria-invalid={shownMistake !== undefined}
            aria-describedby={shownMistake ? `${id}-mistake` : undefined}
            placeholder={placeholder}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            value={draft}
            onChange={event => {
              setDraft(event.target.value);
              ask(event.target.value, event.target.selectionStart ?? event.target.value.length);
            }}
            onKeyDown={onKeyDown}
            onBlur={close}
            onScroll={event => {
              if (mirror.current) mirror.current.scrollLeft = event.currentTarget.scrollLeft;
            }}
          />
        </div>
        {draft && (
          <button type="button" className="button quiet icon-only" aria-label="Clear the query" onClick={() => run('')}>
            <Icon name="close" />
          </button>
        )}
        <button type="submit" className="button primary">
          Search
        </button>
        {open && (
          <ul className="suggestions" role="listbox" id={id} aria-label="Completions">
            {suggestions.items.map((item, index) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field holds the focus and handles the keys.
              <li
                key={`${item.kind} ${item.insert}`}
                id={`${id}-${index}`}
                role="option"
                aria-selected={index === active}
                onPointerDown={event => event.preventDefault()}
                onClick={() => accept(index)}
              >
                <span className="mono truncate">{item.label}</span>
                <span className="muted small">{item.count === undefined ? item.kind : formatCount(item.count)}</span>
              </li>
            ))}
          </ul>
        )}
      </form>
      {shownMistake && (
        <p className="query-mistake" id={`${id}-mistake`} role="alert">
          <Icon name="error" />
          <span>
            {shownMistake.message}
            {shownMistake.expected && <span className="muted"> Expected: {shownMistake.expected}</span>}
          </span>
        </p>
      )}
    </search>
  );
}
