import { expect, test } from 'vitest';
import { keyName } from './hotkeys';

test('keys are named as they are registered', () => {
  const press = (key: string, held: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey', boolean>> = {}) =>
    keyName({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });
  expect(press('k', { ctrlKey: true })).toBe('Mod+k');
  expect(press('k', { metaKey: true })).toBe('Mod+k');
  expect(press('D', { shiftKey: true })).toBe('Shift+D');
  expect(press('?', { shiftKey: true })).toBe('?');
  expect(press('ArrowLeft', { shiftKey: true })).toBe('Shift+ArrowLeft');
  expect(press('J')).toBe('j');
});
