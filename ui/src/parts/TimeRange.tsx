// The time picker: presets, and a field that understands what people type.

import { type FormEvent, useId, useState } from 'react';
import { describeRange, nanosOfMillis, PRESETS, parseRange, type Range, type Zone, zoneName } from '../model/time';
import { Icon } from './Icon';
import { Popover } from './Popover';

export function TimeRange({
  range,
  zone,
  onChange,
  onZone,
  open,
}: {
  range: Range;
  zone: Zone;
  onChange: (range: Range) => void;
  onZone: (zone: Zone) => void;
  /** Counts up to open it from outside. */
  open?: number;
}) {
  const now = nanosOfMillis(Date.now());
  const said = describeRange(range, now, zone);
  return (
    <Popover
      label="Time range"
      className="time-range"
      open={open}
      button={
        <>
          <Icon name="clock" label="Time range" />
          <span className="time-range-text">{said}</span>
          <span className="muted small">{zoneName(zone, now)}</span>
          <Icon name="down" size={12} />
        </>
      }
    >
      {close => (
        <Picker
          range={range}
          zone={zone}
          onZone={onZone}
          onChange={next => {
            onChange(next);
            close();
          }}
        />
      )}
    </Popover>
  );
}

function Picker({
  range,
  zone,
  onChange,
  onZone,
}: {
  range: Range;
  zone: Zone;
  onChange: (range: Range) => void;
  onZone: (zone: Zone) => void;
}) {
  const [typed, setTyped] = useState('');
  const [wrong, setWrong] = useState(false);
  const id = useId();
  const now = nanosOfMillis(Date.now());
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const next = parseRange(typed, now, zone);
    if (next) onChange(next);
    else setWrong(true);
  };
  const read = typed && parseRange(typed, now, zone);
  return (
    <div className="picker">
      <form onSubmit={submit}>
        <label htmlFor={id}>Any range</label>
        <input
          id={id}
          className="input"
          placeholder="90m, yesterday, 14:00-14:20"
          value={typed}
          autoComplete="off"
          spellCheck={false}
          aria-invalid={wrong}
          aria-describedby={`${id}-help`}
          onChange={event => {
            setTyped(event.target.value);
            setWrong(false);
          }}
        />
        <p id={`${id}-help`} className={wrong ? 'field-error' : 'muted small'} role={wrong ? 'alert' : undefined}>
          {wrong
            ? 'Not understood. Write 15m, today, 14:00-14:20 or 2026-05-01 10:00 to 2026-05-01 11:00.'
            : read
              ? `Enter: ${describeRange(read, now, zone)}`
              : 'Enter to use it'}
        </p>
      </form>
      <ul className="menu">
        {PRESETS.map(preset => (
          <li key={preset.label}>
            <button
              type="button"
              aria-pressed={preset.range.from === range.from && preset.range.to === range.to}
              onClick={() => onChange(preset.range)}
            >
              {preset.label}
            </button>
          </li>
        ))}
      </ul>
      <fieldset className="segmented">
        <legend className="muted small">Times are shown in</legend>
        {(['local', 'utc'] as const).map(one => (
          <button key={one} type="button" aria-pressed={zone === one} onClick={() => onZone(one)}>
            {one === 'utc'
              ? 'UTC'
              : `Browser’s zone${zoneName('local', now) === 'UTC' ? '' : ` (${zoneName('local', now)})`}`}
          </button>
        ))}
      </fieldset>
    </div>
  );
}
