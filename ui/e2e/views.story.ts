// Everything the page says of one trace besides its waterfall: verdict, usual, flame, story, comparison. With the demo shop.

import { expect, type Page, test } from '@playwright/test';
import { expectAccessible } from './axe';
import { runDemo, type Server, startServer } from './server';
import { sendStory } from './traceData';
import { watchForErrors } from './watch';
import { expectWaterfall } from './waterfall';

const STORY = ['1', '2', '3'].map(place => place.padStart(32, 'd')) as [string, string, string];

let server: Server;
/** A checkout that took much longer than usual, and one as usual. */
let slow: string;
let usual: string;

interface Summary {
  trace_id: string;
  error_count: number;
  duration_nano: number;
}

async function search(q: string): Promise<Summary[]> {
  const found = await fetch(`${server.url}/api/v1/traces?${new URLSearchParams({ q, limit: '100' })}`);
  return ((await found.json()) as { items: Summary[] }).items;
}

test.beforeAll(async () => {
  test.setTimeout(180_000);
  server = await startServer();
  await runDemo(server, ['--backfill', '55m', '--rate', '1', '--faults', 'none']);
  await runDemo(server, ['--length', '10s', '--rate', '6', '--faults', 'retry-storm,slow-database']);
  await sendStory(server.otlpHttp, STORY);
  const checkouts = await search('root.service:web root.name:"POST /checkout"');
  const longest = checkouts.toSorted((a, b) => b.duration_nano - a.duration_nano)[0]!;
  slow = longest.trace_id;
  const calm = (await search('root.service:web root.name:"POST /checkout" trace.duration:<200ms')).find(
    one => one.error_count === 0,
  )!;
  usual = calm.trace_id;
  expect(longest.duration_nano).toBeGreaterThan(1e9);
});
test.afterAll(() => server?.stop());

watchForErrors();

const grid = (page: Page) => page.getByRole('treegrid', { name: 'Spans of the trace' });

test('the verdict names what owes the time, and leads to its spans', async ({ page }) => {
  await page.goto(`${server.url}/trace/${slow}`);
  const parts = page.getByRole('list', { name: 'Where the time over the usual went' });
  await expect(parts.getByRole('button').first()).toContainText(/\d %.*(→|itself)/);
  await expect(page.getByText(/over the usual/)).toBeVisible();
  await parts.getByRole('button').first().click();
  await expect(page).toHaveURL(/find=service:/);
  await expect(page.getByRole('search').getByRole('status')).toContainText(/^\d+ of \d+$/);
});

test('the usual stands behind the bars until it is switched off, by mouse and by key', async ({ page }) => {
  await page.goto(`${server.url}/trace/${slow}`);
  const root = grid(page).getByRole('row', { name: /^web POST \/checkout/ });
  await expect(root).toContainText(/usually \d/);
  const button = page.getByRole('button', { name: 'Usual', exact: true });
  await expect(button).toHaveAttribute('aria-pressed', 'true');
  await button.click();
  await expect(page).toHaveURL(/usual=0/);
  await expect(root).not.toContainText('usually');
  await grid(page).focus();
  await page.keyboard.press('n');
  await expect(page).not.toHaveURL(/usual=0/);
  await expect(root).toContainText(/usually \d/);
});

test('flame: by mouse into a bar and out again, by keyboard along the bars', async ({ page }) => {
  await page.goto(`${server.url}/trace/${usual}?tab=flame`);
  const picture = page.getByRole('group', { name: /^Flame/ });
  const said = page.locator('.flame-said');
  const table = page.getByRole('table', { name: 'Paths by time in themselves' });
  await expect(table.getByRole('row').nth(3)).toBeVisible();

  // The second row of the picture is what the root called.
  const box = (await picture.locator('canvas').boundingBox())!;
  await page.mouse.move(box.x + 60, box.y + 36);
  await expect(said).toContainText('with all below');
  await page.mouse.down();
  await page.mouse.up();
  await expect(page).toHaveURL(/[?&]at=[0-9a-f]{16}/);
  await expect(page.getByText(/of the work, in and below/)).toBeVisible();
  await page.reload();
  await expect(page.getByText(/of the work, in and below/)).toBeVisible();
  await page.getByRole('button', { name: 'Whole trace' }).click();
  await expect(page).not.toHaveURL(/[?&]at=/);

  await page.getByRole('region', { name: 'Flame' }).focus();
  await page.keyboard.press('Tab');
  await expect(picture).toBeFocused();
  await expect(said).toContainText('POST /checkout');
  // The call to checkout, checkout itself, and the dearest of what that calls.
  for (let step = 0; step < 3; step++) await page.keyboard.press('ArrowDown');
  await expect(said).toContainText('checkout');
  const inside = await said.textContent();
  await page.keyboard.press('ArrowRight');
  await expect(said).not.toHaveText(inside!);
  await page.keyboard.press('ArrowLeft');
  await expect(said).toHaveText(inside!);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/[?&]at=/);
  await page.keyboard.press('0');
  await expect(page).not.toHaveURL(/[?&]at=/);
  await page.keyboard.press('Space');
  await expect(page.getByRole('complementary', { name: 'Details' })).toBeVisible();
});

test('story: linked traces on one clock, and from one to the next', async ({ page }) => {
  await page.goto(`${server.url}/trace/${STORY[1]}?tab=story`);
  const story = page.getByRole('table', { name: 'Traces of the story' });
  await expect(story.getByRole('row')).toHaveCount(4);
  await expect(story.getByRole('row').nth(1)).toContainText('POST /orders');
  await expect(story.getByRole('row').nth(2)).toContainText('this trace');
  await expect(story.getByRole('row').nth(3)).toContainText(/by a link from warehouse process orders/);
  await story.getByRole('link', { name: 'send mail' }).click();
  await expect(page).toHaveURL(new RegExp(`/trace/${STORY[2]}\\?tab=story`));
  await expect(story.getByRole('row').nth(3)).toContainText('this trace');

  // The span that was linked to names who came after it.
  await page.goto(`${server.url}/trace/${STORY[0]}?span=${'2'.padStart(16, 'b')}`);
  const details = page.getByRole('complementary', { name: 'Details' });
  await expect(details.getByRole('heading', { name: /^Linked from/ })).toBeVisible();
  await details.getByRole('link', { name: /^trace/ }).click();
  await expect(page).toHaveURL(new RegExp(`/trace/${STORY[1]}`));
  // Alone in its story.
  await page.goto(`${server.url}/trace/${usual}?tab=story`);
  await expect(page.getByText('No other trace is linked to this one')).toBeVisible();
});

test('compare: with one as usual by mouse, with a pasted id by keyboard', async ({ page }) => {
  await page.goto(`${server.url}/trace/${slow}`);
  await page.getByRole('button', { name: 'Compare' }).click();
  const picker = page.getByRole('dialog', { name: 'Compare with another trace' });
  await expectAccessible(page, 'choosing a trace to compare with');
  await picker.getByRole('button', { name: /as usual/ }).click();
  await expect(page).toHaveURL(new RegExp(`/trace/${slow}/compare/[0-9a-f]{32}$`));
  const steps = page.getByRole('table', { name: 'Steps of both traces' });
  await expect(steps.getByRole('row').nth(2)).toBeVisible();
  await expect(steps).toContainText('faster');
  await page.getByRole('link', { name: 'Swap' }).click();
  await expect(page).toHaveURL(new RegExp(`/compare/${slow}$`));
  await expect(steps).toContainText('slower');

  await page.goto(`${server.url}/trace/${usual}`);
  await expectWaterfall(page);
  await page.getByRole('button', { name: 'Compare' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('textbox', { name: 'Id of the other trace' })).toBeFocused();
  await page.keyboard.type(`00-${slow}-00f067aa0ba902b7-01`);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/trace/${usual}/compare/${slow}$`));
  await expect(page.getByRole('list', { name: 'What made the difference' })).toContainText(/\+/);
  const few = await steps.getByRole('row').count();
  await page.keyboard.press('d');
  await expect(page).toHaveURL(/show=all/);
  expect(await steps.getByRole('row').count()).toBeGreaterThanOrEqual(few);
  // A step leads to its spans.
  await steps.getByRole('row').nth(1).getByRole('link').last().click();
  await expect(page).toHaveURL(new RegExp(`/trace/${slow}\\?find=`));

  await page.goto(`${server.url}/trace/${usual}/compare/${'f'.repeat(32)}`);
  await expect(page.getByText('One of the two traces is not there')).toBeVisible();
});

test('compare: two of the list, by key and by mouse', async ({ page }) => {
  await page.goto(`${server.url}/traces?q=root.name:"POST /checkout"`);
  const rows = page
    .getByRole('table', { name: 'Traces' })
    .getByRole('row')
    .filter({ has: page.getByRole('link') });
  await expect(rows.nth(2)).toBeVisible();
  await page.keyboard.press('j');
  await page.keyboard.press('c');
  await expect(page.getByText('choose the one to compare it with')).toBeVisible();
  await expectAccessible(page, 'one picked for comparing');
  await page.keyboard.press('j');
  await page.keyboard.press('c');
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}\/compare\/[0-9a-f]{32}$/);
  await page.goBack();
  await rows.nth(0).hover();
  await rows.nth(0).getByRole('button', { name: 'Compare this one' }).click();
  await page.keyboard.press('Escape');
  await expect(page.getByText('choose the one to compare it with')).toBeHidden();
  await rows.nth(0).getByRole('button', { name: 'Compare this one' }).click();
  await rows.nth(2).hover();
  await rows.nth(2).getByRole('button', { name: 'Compare with this one' }).click();
  await expect(page.getByRole('heading', { name: 'Compare' })).toBeVisible();
});

test('v goes through the views', async ({ page }) => {
  await page.goto(`${server.url}/trace/${usual}`);
  await expectWaterfall(page);
  for (const name of [/^Hops/, /^Flame/, /^Logs/, /^Spans/, /^Story/, /^Raw/, /^Waterfall/]) {
    await page.keyboard.press('v');
    await expect(page.getByRole('tab', { selected: true })).toHaveText(name);
  }
});

for (const theme of ['light', 'dark'] as const) {
  test(`every view, ${theme}: no axe violation`, async ({ page }) => {
    test.setTimeout(240_000);
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    const views: [string, string, (page: Page) => Promise<void>][] = [
      ['verdict', `/trace/${slow}?logs=1`, expectWaterfall],
      ['hops', `/trace/${slow}?tab=hops`, page => expect(page.getByRole('region', { name: 'Hops' })).toBeVisible()],
      ['flame', `/trace/${usual}?tab=flame`, page => expect(page.getByRole('group', { name: /^Flame/ })).toBeVisible()],
      ['spans', `/trace/${slow}?tab=spans`, page => expect(page.getByRole('region', { name: /^Spans/ })).toBeVisible()],
      [
        'story',
        `/trace/${STORY[1]}?tab=story`,
        page => expect(page.getByRole('table', { name: 'Traces of the story' })).toBeVisible(),
      ],
      [
        'compare',
        `/trace/${usual}/compare/${slow}`,
        page => expect(page.getByRole('table', { name: 'Steps of both traces' })).toBeVisible(),
      ],
    ];
    for (const [name, path, shown] of views) {
      await page.goto(server.url + path);
      await shown(page);
      await page.waitForLoadState('networkidle').catch(() => undefined);
      await page.waitForTimeout(250);
      await page.screenshot({ path: `test-results/screenshots/${name}-${theme}.png` });
      await expectAccessible(page, `${name} ${theme}`);
    }
  });
}
