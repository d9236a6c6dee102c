// SQL over what is stored: a query from its own address, run by keyboard, downloaded.

import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { expectAccessible } from './axe';
import { type Server, startServer } from './server';

let server: Server;
test.beforeAll(async () => {
  server = await startServer();
  const sent = await fetch(`${server.url}/api/v1/test-trace`, { method: 'POST' });
  expect(sent.status).toBe(200);
});
test.afterAll(() => server?.stop());

test('a query runs, says what it found, and gives it away as CSV', async ({ page }) => {
  await page.goto(`${server.url}/sql`);
  const editor = page.getByRole('textbox', { name: 'SQL' });
  await editor.fill('select service_name, count(*) as spans from spans group by 1 order by 1');
  await editor.press('Control+Enter');
  const rows = page.getByRole('region', { name: 'Result' }).getByRole('row');
  await expect(rows.nth(3)).toBeVisible();
  await expect(page).toHaveURL(/q=select/);
  await expect(
    page.getByRole('complementary', { name: 'Tables' }).getByText('spans', { exact: true }).first(),
  ).toBeVisible();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'CSV' }).click(),
  ]);
  const csv = readFileSync(await download.path(), 'utf8')
    .trim()
    .split('\n');
  expect(csv[0]).toBe('service_name,spans');
  expect(csv.length).toBe(await rows.count());
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    await page.screenshot({ path: `test-results/screenshots/sql-${theme}.png` });
    await expectAccessible(page, `sql ${theme}`);
  }
});

test('a mistake says what is wrong', async ({ page }) => {
  await page.goto(`${server.url}/sql?q=select+nothing_like_it+from+spans`);
  await expect(page.getByRole('alert').filter({ hasText: 'The query failed' })).toContainText('nothing_like_it');
});
