// One field for everything: paste a trace id, jump to a service or page, run a command.

import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, useId, useState } from 'react';
import { listServices } from '../api/services';
import { traceIdIn } from '../model/traceId';
import { Icon, type IconName } from '../parts/Icon';
import { Modal } from '../parts/Modal';
import { printKeys, useRegisteredHotkeys } from '../state/hotkeys';
import type { Search } from '../state/search';
import { carried, useRange } from '../state/url';
import { useVisits } from '../state/visited';

interface Choice {
  key: string;
  icon: IconName;
  label: string;
  note?: string;
  keys?: string;
  run: () => void;
}

export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const id = useId();
  const navigate = useNavigate();
  const { range } = useRange();
  const hotkeys = useRegisteredHotkeys();
  const visits = useVisits();
  const services = useQuery({
    queryKey: ['services', range],
    queryFn: ({ signal }) => listServices(range, signal),
    meta: { quiet: true },
  });

  const words = typed.trim().toLowerCase();
  const open = (to: string, params?: Record<string, string>, search?: Search) =>
    void navigate({
      to,
      params: params as never,
      search: ((before: Search) => ({ ...carried(before), ...search })) as never,
    });
  const choices: Choice[] = [];
  const traceId = traceIdIn(typed);
  if (traceId) {
    choices.push({
      key: 'id',
      icon: 'traces',
      label: `Open trace ${traceId}`,
      run: () => open('/trace/$id', { id: traceId }),
    });
  }
  const matches = (text: string) => text.toLowerCase().includes(words);
  for (const service of services.data?.items ?? []) {
    if (words && matches(service.name)) {
      choices.push({
        key: `service ${service.name}`,
        icon: 'services',
        label: service.name,
        note: 'service',
        run: () => open('/services/$name', { name: service.name }),
      });
    }
  }
  for (const one of hotkeys) {
    if (!one.hidden && one.keys !== 'Mod+k' && matches(`${one.group} ${one.about}`)) {
      choices.push({
        key: `key ${one.keys}`,
        icon: one.group === 'Go to' ? 'right' : 'keyboard',
        label: one.group === 'Go to' ? `Go to ${one.about}` : one.about,
        keys: one.keys,
        run: one.run,
      });
    }
  }
  for (const visit of visits.slice(0, words ? 50 : 5)) {
    if (matches(`${visit.name} ${visit.id}`)) {
      choices.push({
        key: `visit ${visit.id}`,
        icon: 'traces',
        label: visit.name,
        note: visit.id.slice(0, 8),
        run: () => open('/trace/$id', { id: visit.id }),
      });
    }
  }
  if (words && !traceId) {
    choices.push(
      {
        key: 'traces',
        icon: 'search',
        label: `Search traces for ${typed.trim()}`,
        run: () => open('/traces', {}, { q: typed.trim() }),
      },
      {
        key: 'logs',
        icon: 'search',
        label: `Search logs for ${typed.trim()}`,
        run: () => open('/logs', {}, { q: typed.trim() }),
      },
    );
  }
  const shown = choices.slice(0, 12);
  const active = Math.min(at, shown.length - 1);

  const run = (choice: Choice | undefined) => {
    if (!choice) return;
    onClose();
    // After the dialog gave the focus back.
    setTimeout(choice.run);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setAt((active + 1) % shown.length);
    else if (event.key === 'ArrowUp') setAt((active - 1 + shown.length) % shown.length);
    else if (event.key === 'Enter') run(shown[active]);
    else return;
    event.preventDefault();
  };
  return (
    <Modal title="Find or run anything" onClose={onClose} className="palette" bare>
      <input
        className="palette-input"
        placeholder="Paste a trace id, type a service, page or command"
        aria-label="Find or run anything"
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={shown[active] ? `${id}-${active}` : undefined}
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onKeyDown={onKeyDown}
        onChange={event => {
          setTyped(event.target.value);
          setAt(0);
        }}
      />
      <div role="listbox" id={id} aria-label="Choices" className="palette-list">
        {shown.map((choice, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above holds the focus and handles Enter.
          <div
            key={choice.key}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            onClick={() => run(choice)}
            onPointerMove={() => setAt(index)}
          >
            <Icon name={choice.icon} />
            <span className="palette-label">{choice.label}</span>
            {choice.note && <span className="muted">{choice.note}</span>}
            {choice.keys && (
              <span className="keys">
                {printKeys(choice.keys).map(key => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </span>
            )}
          </div>
        ))}
      </div>
    </Modal>
  );
}
