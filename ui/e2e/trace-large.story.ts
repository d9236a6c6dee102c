// A hundred thousand spans: how long until they are on screen, and how smoothly they scroll. The figures are printed.

import { expect, test } from '@playwright/test';
import { type Server, startServer } from './server';
import { sendLarge } from './traceData';

const LARGE = 'b1600000000000000000000000000001';
const LARGE_SPANS = 100_000;
const RUNS = 5;

// Recording the test takes a snapshot of the page at every step: that would be what is measured.
test.use({ trace: 'off' });

let server: Server;

test.beforeAll(async () => {
  test.setTimeout(180_000);
  server = await startServer();
  await sendLarge(server.otlpHttp, LARGE, LARGE_SPANS);
});
test.afterAll(() => server?.stop());

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

test('a hundred thousand spans open at once and scroll smoothly', async ({ browser }) => {
  test.setTimeout(300_000);
  const painted: number[] = [];
  // The code of the page comes while the server answers: what counts is when it is asked, and what is left to do then.
  const asked: number[] = [];
  const waited: number[] = [];
  const own: number[] = [];
  const frames: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(`${server.url}/trace/${LARGE}`);
    await page.waitForFunction(() => performance.getEntriesByName('hopline:waterfall-painted').length > 0, null, {
      timeout: 60_000,
    });
    const times = await page.evaluate(() => {
      const asked = performance.getEntriesByType('resource').find(entry => entry.name.includes('view=tree'))!;
      const shown = performance.getEntriesByName('hopline:waterfall-painted')[0]!.startTime;
      const { startTime, responseEnd } = asked as PerformanceResourceTiming;
      return { shown, asked: startTime, answered: responseEnd };
    });
    painted.push(times.shown);
    asked.push(times.asked);
    waited.push(times.answered - times.asked);
    own.push(times.shown - times.answered);
    await expect(page.getByRole('treegrid')).toHaveAttribute('aria-rowcount', /^\d{5,}$/);
    // What is fetched afterwards is not what is measured.
    await page.waitForLoadState('networkidle');
    frames.push(await page.evaluate(scrollFrames));
    await page.close();
  }
  console.log(
    `100,000 spans, medians of ${RUNS}: painted after ${median(painted).toFixed(0)} ms (goal 1000), ` +
      `asked after ${median(asked).toFixed(0)} ms, answered within ${median(waited).toFixed(0)} ms, ` +
      `${median(own).toFixed(0)} ms from the answer to the picture; scrolling p95 frame ${median(frames).toFixed(1)} ms (goal 18)`,
  );
  // Goals are printed; these bounds leave room for a busy machine and a debug build of the server.
  expect(median(own)).toBeLessThan(2_000);
  expect(median(frames)).toBeLessThan(54);
});

/** In the page: the 95th percentile of the time between frames while the rows run by. */
async function scrollFrames(): Promise<number> {
  const scroller = document.querySelector('.waterfall-scroller')!;
  const deltas: number[] = [];
  await new Promise<void>(done => {
    let last = performance.now();
    const step = (now: number) => {
      deltas.push(now - last);
      last = now;
      // A page now and then between small steps.
      scroller.scrollTop += deltas.length % 10 === 0 ? 600 : 24;
      if (deltas.length < 240) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  });
  const settled = deltas.slice(5).toSorted((a, b) => a - b);
  return settled[Math.floor(settled.length * 0.95)]!;
}
