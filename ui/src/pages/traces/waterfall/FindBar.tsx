import { type KeyboardEvent, type Ref, useId } from 'react';
import { formatWhole } from '../../../model/format';
import { Icon } from '../../../parts/Icon';

/** Find within the trace: what the browser's own find cannot do where only forty rows exist. */
export function FindBar({
  query,
  found,
  place,
  problem,
  hide,
  input,
  onQuery,
  onStep,
  onHide,
  onFocused,
  onLeave,
}: {
  query: string;
  found: number;
  /** Which of the found is active, from 1; 0 for none. */
  place: number;
  problem: string | undefined;
  hide: boolean;
  input: Ref<HTMLInputElement>;
  onQuery: (query: string) => void;
  onStep: (step: 1 | -1) => void;
  onHide: (hide: boolean) => void;
  onFocused: (focused: boolean) => void;
  onLeave: () => void;
}) {
  const id = useId();
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      onStep(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      if (query) onQuery('');
      else onLeave();
    } else if (event.key === 'ArrowDown') {
      event.preventDefault();
      onLeave();
    }
  };
  const said =
    problem ?? (found === 0 ? 'nothing found' : `${place > 0 ? `${formatWhole(place)} of ` : ''}${formatWhole(found)}`);
  return (
    <search className="find-bar" aria-label="Find in this trace">
      <div className="find-field" data-problem={problem ? true : undefined}>
        <Icon name="search" />
        <input
          ref={input}
          className="input"
          type="text"
          aria-label="Find spans"
          aria-describedby={`${id}-said`}
          placeholder="Find: text, error, service:cart, >2.5%, >10ms"
          autoComplete="off"
          spellCheck={false}
          value={query}
          onChange={event => onQuery(event.target.value)}
          onKeyDown={onKeyDown}
          onFocus={() => onFocused(true)}
          onBlur={() => onFocused(false)}
        />
        <span id={`${id}-said`} role="status" className={problem ? 'find-said error-text' : 'find-said muted'}>
          {query.trim() ? said : ''}
        </span>
      </div>
      {query.trim() && (
        <>
          <button
            type="button"
            className="button quiet icon-only"
            aria-label="Previous found"
            disabled={found === 0}
            onClick={() => onStep(-1)}
          >
            <span className="turned">
              <Icon name="down" />
            </span>
          </button>
          <button
            type="button"
            className="button quiet icon-only"
            aria-label="Next found"
            disabled={found === 0}
            onClick={() => onStep(1)}
          >
            <Icon name="down" />
          </button>
          <button
            type="button"
            className="button"
            aria-pressed={hide}
            onClick={() => onHide(!hide)}
            title="Hide what was not found, instead of dimming it"
          >
            Only found
          </button>
        </>
      )}
    </search>
  );
}
