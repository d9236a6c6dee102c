// Someone who has never seen Hopline opens the page of an empty server and gets to a trace.

import { expect, test } from '@playwright/test';
import { expectAccessible } from './axe';
import { type Server, startServer } from './server';
import { expectWaterfall } from './waterfall';

let server: Server;
let began = 0;

test.beforeAll(async () => {
  began = Date.now();
  server = await startServer();
});
test.afterAll(() => server?.stop());

test('from an empty server to the first trace on screen in under a minute', async ({ page }) => {
  await page.goto(server.url);
  await expect(page.getByRole('heading', { name: 'Point an exporter here' })).toBeVisible();
  // The endpoint that is shown is the one that takes telemetry.
  await expect(
    page.getByRole('region', { name: 'Endpoints' }).getByText(server.otlpHttp, { exact: true }),
  ).toBeVisible();
  const arrived = page.getByRole('complementary', { name: 'What has arrived' });
  await expect(arrived.getByRole('listitem').filter({ hasText: 'First span' })).toContainText('none yet');
  await expectAccessible(page, 'first run');
  await page.screenshot({ path: 'test-results/screenshots/first-run-light.png' });

  await page.getByRole('button', { name: 'Send test trace' }).click();
  await expect(arrived.getByRole('listitem').filter({ hasText: 'First span' }).getByLabel('done')).toBeVisible();
  await expect(arrived.getByRole('listitem').filter({ hasText: 'First log' }).getByLabel('done')).toBeVisible();
  await page.getByRole('link', { name: 'Open the test trace' }).click();
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}/);
  await expectWaterfall(page);
  const seconds = (Date.now() - began) / 1000;
  console.log(`first run to first trace on screen: ${seconds.toFixed(1)} s, with the start of the server`);
  expect(seconds).toBeLessThan(60);
});

test('a refusal is said in words', async ({ page, request }) => {
  const fresh = await startServer();
  try {
    await page.goto(fresh.url);
    const refused = await request.post(`${fresh.otlpHttp}/v1/traces`, {
      headers: { 'content-type': 'application/json' },
      data: '{"resourceSpans": 7',
    });
    expect(refused.status()).toBe(400);
    const step = page.getByRole('listitem').filter({ hasText: 'Request refused' });
    await expect(step).toBeVisible();
    await expect(step.getByLabel('failed')).toBeVisible();
    expect(((await step.textContent()) ?? '').length).toBeGreaterThan('Request refused'.length + 10);
  } finally {
    await fresh.stop();
  }
});

test('the settings for curl, as copied, send a span', async ({ page }) => {
  const fresh = await startServer();
  try {
    await page.goto(fresh.url);
    await page.getByRole('tab', { name: 'curl' }).click();
    const command = await page.getByRole('region', { name: 'Settings for curl' }).textContent();
    const [, url, body] = /^curl (\S+) .*-d '(.*)'$/s.exec((command ?? '').trim()) as unknown as [
      string,
      string,
      string,
    ];
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(answer.status).toBe(200);
    await page.getByRole('link', { name: 'Open your first trace' }).click();
    await expect(page.getByText('GET /hello').first()).toBeVisible();
  } finally {
    await fresh.stop();
  }
});

test('a server with a token asks for it once', async ({ page }) => {
  const guarded = await startServer({ HOPLINE_TOKEN: 'open-sesame' });
  try {
    await page.goto(guarded.url);
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect(page.getByRole('alert')).toContainText('not known');
    await expectAccessible(page, 'login');
    await page.getByLabel('Token').fill('open-sesame');
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect(page.getByRole('heading', { name: 'Point an exporter here' })).toBeVisible();
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Point an exporter here' })).toBeVisible();
  } finally {
    await guarded.stop();
  }
});
