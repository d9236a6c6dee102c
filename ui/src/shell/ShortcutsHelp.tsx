import { Modal } from '../parts/Modal';
import { printKeys, useRegisteredHotkeys } from '../state/hotkeys';

export function ShortcutsHelp({ onClose }: { onClose: () => void }) {
  const keys = useRegisteredHotkeys();
  const groups = [...new Set(keys.map(one => one.group))];
  return (
    <Modal title="Keyboard shortcuts" onClose={onClose} className="shortcuts">
      <div className="shortcut-groups">
        {groups.map(group => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {keys
                .filter(one => one.group === group)
                .map(one => (
                  <div key={one.keys}>
                    <dt>{one.about}</dt>
                    <dd>
                      {printKeys(one.keys).map(key => (
                        <kbd key={key}>{key}</kbd>
                      ))}
                    </dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
      <p className="muted small">They rest while you type. Single keys can be turned off in the settings.</p>
    </Modal>
  );
}
