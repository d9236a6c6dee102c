import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  id: string;
  help: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** WCAG 2.2 AA and best practice: no violation at all. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  // Through the debugger: the policy of the page lets no foreign script in.
  await page.evaluate(source);
  const found = await page.evaluate(async () => {
    const axe = (
      window as unknown as {
        axe: { run: (root: Document, options: object) => Promise<{ violations: Violation[]; passes: unknown[] }> };
      }
    ).axe;
    const result = await axe.run(document, { resultTypes: ['violations'] });
    return { violations: result.violations, passes: result.passes.length };
  });
  expect(found.passes, `${what}: axe looked at something`).toBeGreaterThan(5);
  const said = found.violations.map(
    one =>
      `${one.id}: ${one.help}\n${one.nodes
        .slice(0, 3)
        .map(node => `    ${node.target.join(' ')}: ${node.failureSummary}`)
        .join('\n')}`,
  );
  expect(said, `${what}: axe`).toEqual([]);
}
