// With the telemetry of the demo shop: search, logs, keyboard, theme, every page in both themes without an axe violation.

import { expect, type Page, test } from '@playwright/test';
import { expectAccessible } from './axe';
import { runDemo, type Server, startServer } from './server';
import { watchForErrors } from './watch';
import { expectWaterfall } from './waterfall';

let server: Server;

test.beforeAll(async () => {
  test.setTimeout(180_000);
  server = await startServer();
  await runDemo(server, ['--backfill', '55m', '--rate', '1']);
  await runDemo(server, ['--length', '12s', '--rate', '6', '--faults', 'retry-storm,slow-database,bad-version']);
});
test.afterAll(() => server?.stop());

watchForErrors();

const query = (page: Page) => page.getByRole('combobox', { name: /^Query for/ });
const traceRows = (page: Page) =>
  page
    .getByRole('table', { name: 'Traces' })
    .getByRole('row')
    .filter({ has: page.getByRole('link') });

test('search: typed, completed, narrowed by a facet, and the address carries it', async ({ page }) => {
  await page.goto(`${server.url}/traces`);
  await expect(traceRows(page).first()).toBeVisible();
  await query(page).click();
  await page.keyboard.type('serv');
  await page
    .getByRole('option', { name: /^service/ })
    .first()
    .click();
  await page.keyboard.type('pay');
  await page.getByRole('option', { name: /^payment/ }).click();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/[?&]q=service:payment/);
  await expect(traceRows(page).first()).toBeVisible();

  const facets = page.getByRole('complementary', { name: 'Facets' });
  await facets
    .getByRole('region', { name: 'status' })
    .getByRole('button', { name: /^error/ })
    .click();
  await expect(page).toHaveURL(/q=service:payment\+status:error/);
  await expect(query(page)).toHaveValue('service:payment status:error');
  // The address alone shows the same, and Back undoes the filter.
  await page.reload();
  await expect(query(page)).toHaveValue('service:payment status:error');
  await page.goBack();
  await expect(query(page)).toHaveValue('service:payment');
});

test('a condition on whole traces: found, with nothing beside it that looks like a fault, and every column in view', async ({
  page,
}) => {
  await page.setViewportSize({ width: 1280, height: 760 });
  await page.goto(`${server.url}/traces?q=trace.duration:%3E10ms`);
  await expect(traceRows(page).first()).toBeVisible();
  const facets = page.getByRole('complementary', { name: 'Facets' });
  await expect(facets.getByText('No facets here')).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
  for (const width of [1280, 1000, 800]) {
    await page.setViewportSize({ width, height: 760 });
    const right = () =>
      traceRows(page)
        .first()
        .getByRole('cell')
        .last()
        .evaluate(cell => cell.getBoundingClientRect().right);
    await expect.poll(right, { message: `${width} px` }).toBeLessThanOrEqual(width);
  }
});

test('a mistake is underlined where it stands, and nothing found offers ways on', async ({ page }) => {
  await page.goto(`${server.url}/traces`);
  await query(page).fill('service:(');
  await page.keyboard.press('Enter');
  const alert = page.getByRole('alert').first();
  await expect(alert).toBeVisible();
  await expect(query(page)).toHaveAttribute('aria-invalid', 'true');
  await expect(page.locator('.query-mirror mark')).toHaveCount(1);

  await query(page).fill('service:payment name:nothing-is-called-so');
  await page.keyboard.press('Enter');
  await expect(page.getByText('No traces match')).toBeVisible();
  await page.getByRole('button', { name: /^Remove name:/ }).click();
  await expect(query(page)).toHaveValue('service:payment');
  await expect(traceRows(page).first()).toBeVisible();
});

test('keyboard: / to the query, j and k through the list, Enter opens, Back returns, ? helps, the palette finds a trace', async ({
  page,
}) => {
  await page.goto(`${server.url}/traces`);
  await expect(traceRows(page).nth(2)).toBeVisible();
  await page.keyboard.press('/');
  await expect(query(page)).toBeFocused();
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await expect(traceRows(page).first().getByRole('link')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('treegrid')).toBeVisible();
  const id = /trace\/([0-9a-f]{32})/.exec(page.url())![1]!;
  await page.goBack();
  await expect(traceRows(page).first()).toBeVisible();

  await page.keyboard.press('Shift+?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await expectAccessible(page, 'shortcuts');
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await expect(page).toHaveURL(/\/logs/);
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Find or run anything' }).fill(`00-${id}-00f067aa0ba902b7-01`);
  await expectAccessible(page, 'palette');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/trace/${id}`));
});

test('logs: filter, fields, neighbours, and over to the trace at its span', async ({ page }) => {
  await page.goto(`${server.url}/logs`);
  const rows = page.getByRole('table', { name: 'Logs' }).getByRole('row');
  await expect(rows.nth(1)).toBeVisible();
  await query(page).fill('severity:error');
  await page.keyboard.press('Enter');
  await expect(rows.nth(1)).toContainText(/error/);
  await rows.nth(1).getByRole('button').click();
  const details = page.getByRole('complementary', { name: 'Details' });
  await expect(details.getByText('service.name', { exact: true })).toBeVisible();
  await expect(page).toHaveURL(/[?&]log=\d+/);
  await details.getByRole('tab', { name: 'Before and after' }).click();
  await expect(details.getByRole('listitem').nth(1)).toBeVisible();
  await details.getByRole('link', { name: /Open trace/ }).click();
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}\?span=[0-9a-f]{16}/);
  await expect(page.getByRole('treegrid')).toBeVisible();
});

test('logs: drag over the histogram zooms, and Back zooms out', async ({ page }) => {
  await page.goto(`${server.url}/logs?from=now-5m`);
  const chart = page.getByRole('img', { name: /^Logs over time/ });
  await expect(chart).toBeVisible();
  const box = (await chart.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.99, box.y + 50, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=20\d\d-.*to=20\d\d-/);
  await page.goBack();
  await expect(page).toHaveURL(/from=now-5m/);
});

test('logs: the live tail shows a log within a moment of its arrival', async ({ page }) => {
  await page.goto(`${server.url}/logs?view=live`);
  await expect(page.getByText('Following')).toBeVisible();
  const sent = `live ${Date.now()}`;
  const send = () =>
    fetch(`${server.otlpHttp}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        resourceLogs: [
          {
            resource: { attributes: [{ key: 'service.name', value: { stringValue: 'tail-test' } }] },
            scopeLogs: [
              {
                logRecords: [
                  {
                    timeUnixNano: `${BigInt(Date.now()) * 1_000_000n}`,
                    severityNumber: 9,
                    body: { stringValue: sent },
                  },
                ],
              },
            ],
          },
        ],
      }),
    });
  // The stream may open a moment after the page says so.
  await page.waitForTimeout(300);
  const began = Date.now();
  await send();
  await expect(page.getByRole('row').filter({ hasText: sent })).toBeVisible();
  console.log(`a log was on screen ${Date.now() - began} ms after it was sent`);
});

test('services: a list, one service, its operations, and on to its traces', async ({ page }) => {
  await page.goto(`${server.url}/services`);
  const table = page.getByRole('table', { name: 'Services' });
  for (const name of ['web', 'checkout', 'payment', 'inventory', 'worker']) {
    await expect(table.getByRole('link', { name, exact: true })).toBeVisible();
  }
  await table.getByRole('link', { name: 'payment', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'payment' })).toBeVisible();
  await page.getByRole('table', { name: 'Operations' }).getByRole('link').first().click();
  await expect(page).toHaveURL(/\/traces\?.*q=service:payment\+name:/);
  await expect(traceRows(page).first()).toBeVisible();
});

test('map: services as a picture and as a table', async ({ page }) => {
  await page.goto(`${server.url}/map`);
  await expect(page.getByRole('button', { name: /checkout/ })).toBeVisible();
  await page.getByRole('button', { name: 'Table' }).click();
  await expect(page.getByRole('table', { name: 'Calls between services' }).getByRole('row').nth(3)).toBeVisible();
});

test('theme: a key turns it, and it is kept', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(`${server.url}/traces`);
  await expect(traceRows(page).first()).toBeVisible();
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.keyboard.press('Shift+D');
  await expect.poll(ground).not.toBe(light);
  const dark = await ground();
  await page.reload();
  expect(await ground()).toBe(dark);
});

const PAGES: [string, string, (page: Page) => Promise<void>][] = [
  ['home', '/', page => expect(page.getByRole('table', { name: 'Services' }).getByRole('row').nth(3)).toBeVisible()],
  ['connect', '/?tab=connect', page => expect(page.getByRole('region', { name: 'Endpoints' })).toBeVisible()],
  ['traces', '/traces', page => expect(traceRows(page).nth(5)).toBeVisible()],
  ['traces-error', '/traces?q=status:error', page => expect(traceRows(page).first()).toBeVisible()],
  ['traces-nothing', '/traces?q=service:nobody', page => expect(page.getByText('No traces match')).toBeVisible()],
  ['logs', '/logs', page => expect(page.getByRole('table', { name: 'Logs' }).getByRole('row').nth(5)).toBeVisible()],
  ['patterns', '/logs?view=patterns', page => expect(page.getByRole('button', { name: 'Only' }).first()).toBeVisible()],
  [
    'services',
    '/services',
    page => expect(page.getByRole('table', { name: 'Services' }).getByRole('row').nth(3)).toBeVisible(),
  ],
  [
    'service',
    '/services/payment',
    page => expect(page.getByRole('table', { name: 'Operations' }).getByRole('row').nth(1)).toBeVisible(),
  ],
  ['map', '/map', page => expect(page.getByRole('button', { name: /checkout/ })).toBeVisible()],
  ['settings', '/settings', page => expect(page.getByRole('heading', { name: 'Keyboard' })).toBeVisible()],
];

for (const theme of ['light', 'dark'] as const) {
  test(`every page, ${theme}: no axe violation`, async ({ page }) => {
    test.setTimeout(240_000);
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    for (const [name, path, shown] of PAGES) {
      await page.goto(server.url + path);
      await shown(page);
      await page.waitForLoadState('networkidle').catch(() => undefined);
      await page.waitForTimeout(250);
      await page.screenshot({ path: `test-results/screenshots/${name}-${theme}.png` });
      await expectAccessible(page, `${name} ${theme}`);
    }
    // A trace and a log with its details.
    await page.goto(`${server.url}/traces?q=service:checkout`);
    await traceRows(page).first().getByRole('link').click();
    await expectWaterfall(page);
    await page.waitForTimeout(400);
    await page.screenshot({ path: `test-results/screenshots/trace-${theme}.png` });
    await expectAccessible(page, `trace ${theme}`);
    await page.goto(`${server.url}/logs?q=severity:error`);
    await page.getByRole('table', { name: 'Logs' }).getByRole('row').nth(1).getByRole('button').click();
    await expect(
      page.getByRole('complementary', { name: 'Details' }).getByText('service.name', { exact: true }),
    ).toBeVisible();
    await page.screenshot({ path: `test-results/screenshots/log-${theme}.png` });
    await expectAccessible(page, `log ${theme}`);
  });
}

test('1024 pixels and text at 200 % lose nothing', async ({ page }) => {
  for (const [width, path] of [
    [1024, '/traces'],
    [720, '/'],
    [720, '/logs'],
  ] as const) {
    await page.setViewportSize({ width, height: 700 });
    await page.goto(server.url + path);
    await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wider, `${path} at ${width}`).toBeLessThanOrEqual(0);
  }
});

test('a server that goes away is said, and what was shown stays', async ({ page }) => {
  const other = await startServer();
  await fetch(`${other.url}/api/v1/test-trace`, { method: 'POST' });
  await page.goto(`${other.url}/traces`);
  await expect(traceRows(page).first()).toBeVisible();
  await other.stop();
  await page.keyboard.press('r');
  await expect(page.getByText('The server cannot be reached. What is shown may be old')).toBeVisible();
  await expect(traceRows(page).first()).toBeVisible();
});
