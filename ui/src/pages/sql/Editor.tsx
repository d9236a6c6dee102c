import { type RefObject, useRef } from 'react';
import { highlight } from './highlight';

/** A text field whose words are coloured: they are drawn behind it, in the same place, and the field's own are clear. */
export function Editor({
  value,
  area,
  onChange,
  onCancel,
}: {
  value: string;
  area: RefObject<HTMLTextAreaElement | null>;
  onChange: (value: string) => void;
  onCancel: () => void;
}) {
  const ground = useRef<HTMLPreElement>(null);
  return (
    <div className="sql-field">
      <pre ref={ground} aria-hidden="true">
        {highlight(value).map((token, place) =>
          token.kind === 'plain' ? (
            token.text
          ) : (
            <span key={place} data-kind={token.kind}>
              {token.text}
            </span>
          ),
        )}
        {/* A last empty line has no height of its own. */}
        {'\n '}
      </pre>
      <textarea
        ref={area}
        data-query=""
        aria-label="SQL"
        spellCheck={false}
        rows={Math.min(16, Math.max(6, value.split('\n').length + 1))}
        value={value}
        onChange={event => onChange(event.target.value)}
        onScroll={event => {
          if (ground.current) ground.current.scrollTop = event.currentTarget.scrollTop;
        }}
        onKeyDown={event => {
          if (event.key === 'Escape') onCancel();
        }}
      />
    </div>
  );
}
