import { expect, type Page } from '@playwright/test';

/** The waterfall is drawn, and its rows are there for who does not see it. */
export async function expectWaterfall(page: Page): Promise<void> {
  await expect(page.getByRole('treegrid').getByRole('row').nth(1)).toBeAttached();
  const painted = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('canvas')].some(canvas => {
        const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels !== undefined && new Set(new Uint32Array(pixels.buffer)).size > 8;
      }),
    );
  await expect.poll(painted, { message: 'a canvas with more than a few colours' }).toBe(true);
}
