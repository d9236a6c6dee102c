// One trace on screen: by mouse, by keyboard alone, by its address, and in both themes.

import { expect, type Page, test } from '@playwright/test';
import { expectAccessible } from './axe';
import { type Server, startServer } from './server';
import { sendCheckout } from './traceData';
import { watchForErrors } from './watch';

const CHECKOUT = 'c0ffee00000000000000000000000001';

let server: Server;

test.beforeAll(async () => {
  server = await startServer();
  await sendCheckout(server.otlpHttp, CHECKOUT);
});
test.afterAll(() => server?.stop());

watchForErrors();

const grid = (page: Page) => page.getByRole('treegrid', { name: 'Spans of the trace' });
const row = (page: Page, name: RegExp) => grid(page).getByRole('row', { name }).first();
const active = (page: Page) => grid(page).locator('[aria-selected="true"]');
const panel = (page: Page) => page.getByRole('complementary', { name: 'Details' });

async function open(page: Page, rest = ''): Promise<void> {
  await page.goto(`${server.url}/trace/${CHECKOUT}${rest}`);
  await expect(row(page, /^web POST \/checkout/)).toBeVisible();
}

test('by mouse: a span, its details, its logs, its hop', async ({ page }) => {
  await open(page);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('POST /checkout');
  await expect(page.getByText('1.84 s').first()).toBeVisible();

  // Equal siblings stand as one row until they are opened.
  const fold = row(page, /^14 times cart SELECT cart_items/);
  await expect(fold).toHaveAttribute('aria-expanded', 'false');
  await fold.click();
  await expect(fold).toHaveAttribute('aria-expanded', 'true');

  await row(page, /^recommendations recommend/).click();
  await expect(panel(page)).toContainText('recommend');
  await expect(page).toHaveURL(/[?&]span=[0-9a-f]{16}/);
  await panel(page).getByRole('button', { name: 'Close details' }).click();
  await expect(panel(page)).toHaveCount(0);
  await expect(page).not.toHaveURL(/span=/);

  await page.getByRole('button', { name: 'Logs', exact: true }).click();
  await expect(row(page, /^log info: checkout started/)).toBeVisible();

  await page.getByRole('tab', { name: 'Hops' }).click();
  const hops = page.getByRole('region', { name: 'Hops' }).getByRole('table');
  await expect(hops.getByRole('row').filter({ hasText: 'payment' }).first()).toBeVisible();
  await page.getByRole('tab', { name: /^Logs/ }).click();
  await page
    .getByRole('button', { name: /bank\.example did not answer/ })
    .first()
    .click();
  await expect(panel(page)).toContainText('read timeout after 450 ms');
  await expect(panel(page)).toContainText('payment.attempt');
  await expect(panel(page)).toContainText('ReadTimeout');
  await page.getByRole('tab', { name: 'Spans' }).click();
  await page.getByRole('button', { name: 'SELECT cart_items' }).click();
  await expect(page).toHaveURL(/find=service:cart/);
  await expect(page.getByRole('search').getByRole('status')).toContainText('14');
});

test('by mouse: a range of time on the ruler, and back to the whole', async ({ page }) => {
  await open(page);
  const ruler = (await page.locator('.waterfall-ruler').boundingBox())!;
  const y = ruler.y + ruler.height / 2;
  await page.mouse.move(ruler.x + 600, y);
  await page.mouse.down();
  await page.mouse.move(ruler.x + 800, y, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/zoom=[\d.]+ms\.\.[\d.]+ms/);
  await page.getByRole('button', { name: 'Fit' }).click();
  await expect(page).not.toHaveURL(/zoom=/);
});

test('by keyboard alone', async ({ page }) => {
  await open(page);
  await page.keyboard.press('j');
  await expect(active(page)).toHaveAttribute('aria-rowindex', '2');
  await page.keyboard.press('j');
  await page.keyboard.press('ArrowDown');
  await expect(active(page)).toHaveAttribute('aria-rowindex', '4');
  await page.keyboard.press('k');
  await page.keyboard.press('u');
  await expect(active(page)).toHaveAttribute('aria-rowindex', '2');
  await page.keyboard.press('ArrowLeft');
  await expect(active(page)).toHaveAttribute('aria-expanded', 'false');
  // The head, the root, and the orphan under its placeholder.
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '4');
  await page.keyboard.press('ArrowRight');
  await expect(active(page)).toHaveAttribute('aria-expanded', 'true');
  await expect(grid(page)).toHaveAttribute('aria-activedescendant', (await active(page).getAttribute('id'))!);

  await page.keyboard.press('e');
  await expect(active(page)).toContainText('error');
  await page.keyboard.press('Enter');
  await expect(panel(page)).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel(page)).toHaveCount(0);

  // Three errors on: a span short enough to zoom to.
  for (let step = 0; step < 3; step++) await page.keyboard.press('e');
  await page.keyboard.press('f');
  await expect(page).toHaveURL(/zoom=/);
  await page.keyboard.press('0');
  await expect(page).not.toHaveURL(/zoom=/);
  await page.keyboard.press('p');
  await expect(page).toHaveURL(/only=critical/);
  await page.keyboard.press('p');
  await page.keyboard.press('l');
  await expect(page).toHaveURL(/logs=1/);

  await page.keyboard.press('Control+f');
  await expect(page.getByRole('textbox', { name: 'Find spans' })).toBeFocused();
  await page.keyboard.type('bank.example >10%');
  await expect(page.getByRole('search').getByRole('status')).toContainText('3');
  await page.keyboard.press('Enter');
  await expect(active(page)).toContainText('payment POST bank.example');
  await expect(page.getByRole('search').getByRole('status')).toContainText(/^\d of 3$/);
});

test('the address holds what is shown', async ({ page }) => {
  await open(page);
  for (let step = 0; step < 4; step++) await page.keyboard.press('e');
  await page.keyboard.press('Enter');
  await page.keyboard.press('f');
  await expect(page).toHaveURL(/span=.*zoom=|zoom=.*span=/);
  const title = await panel(page).getByRole('heading', { level: 2 }).textContent();
  await page.reload();
  await expect(panel(page).getByRole('heading', { level: 2 })).toHaveText(title!);
  await expect(active(page)).toContainText(title!);
});

test('what is missing is said: the parent that never came, and a trace that is not there', async ({ page }) => {
  await open(page);
  await expect(page.getByText('1 parent never arrived')).toBeVisible();
  await page.goto(`${server.url}/trace/${'f'.repeat(32)}`);
  await expect(page.getByText('No trace has this id')).toBeVisible();
});

for (const theme of ['light', 'dark'] as const) {
  test(`no axe violation in ${theme}`, async ({ page }, info) => {
    await page.emulateMedia({ colorScheme: theme });
    for (const tab of ['waterfall', 'hops', 'flame', 'logs', 'spans', 'story', 'raw']) {
      await page.goto(`${server.url}/trace/${CHECKOUT}?tab=${tab}${tab === 'waterfall' ? '&logs=1' : ''}`);
      await expect(page.getByRole('tab', { selected: true })).toHaveText(new RegExp(`^${tab}`, 'i'));
      if (tab === 'waterfall') {
        await row(page, /^web POST \/checkout/).click();
        await expect(panel(page)).toContainText('http.route');
      }
      if (tab === 'hops') await expect(page.getByRole('region', { name: 'Hops' })).toBeVisible();
      await page.waitForTimeout(300);
      await expectAccessible(page, `${tab} in ${theme}`);
      const path = info.outputPath(`trace-${tab}-${theme}.png`);
      await page.screenshot({ path });
      await info.attach(`trace-${tab}-${theme}`, { path, contentType: 'image/png' });
    }
  });
}
