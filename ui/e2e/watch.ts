// What no story may cause: errors of scripts, and requests that the security policy refuses.

import { expect, test } from '@playwright/test';

/** Watches every page of this file's stories; call once, at its top level. */
export function watchForErrors(): void {
  let failures: string[] = [];
  test.beforeEach(({ page }) => {
    failures = [];
    page.on('pageerror', error => failures.push(String(error)));
    page.on('console', message => {
      if (message.text().includes('Content Security Policy')) failures.push(message.text());
    });
  });
  test.afterEach(() => expect(failures, 'errors of scripts and of the security policy').toEqual([]));
}
