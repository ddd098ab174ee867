import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildConsole } from '../../packages/console/build.ts';
import { findBrowser, launchBrowser } from '../support/browser.ts';
import { Safelight } from '../support/safelight.ts';

const isWaived = process.env.SAFELIGHT_TEST_WITHOUT_BROWSER === '1' && findBrowser() === undefined;
/** In the role `scaler` with no machines to order: it decides, and here wants two workers where one stands. */
const SETTINGS = { SAFELIGHT_ROLES: 'api,worker,scaler', SAFELIGHT_WORKERS: '1', SAFELIGHT_SCALER_MIN: '2' };
const SEEN_MS_MAX = 30_000;

describe.skipIf(isWaived)('the operator’s page', () => {
  let safelight: Safelight;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];
  let operatorKey: string;

  beforeAll(async () => {
    await buildConsole();
    [safelight, browser] = await Promise.all([
      Safelight.start({ env: { ...SETTINGS, SAFELIGHT_SCALER_MAX: '4' } }),
      launchBrowser(),
    ]);
    operatorKey = (await readFile(join(safelight.data, 'operator-key'), 'utf8')).trim();
  });

  afterAll(async () => {
    await browser?.close();
    await safelight?.close();
  });

  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load')) complaints.push(message.text());
    });
    await page.goto(`${safelight.url}/#/fleet`);
  });

  afterEach(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });

  const field = () => page.getByLabel('Operator’s key');
  async function give(key: string): Promise<void> {
    await field().fill(key);
    await page.getByRole('button', { name: 'Show the fleet' }).click();
  }

  test('opens to the operator’s key alone, and says of others what is wrong with them', async () => {
    const trouble = page.getByRole('alert');
    await give('sk_nobody_knows_me');
    await trouble.getByText('Safelight does not know this key').waitFor();
    await give(await safelight.demoKey());
    await trouble.getByText('it has no scope “admin”').waitFor();
    await give('two words');
    await trouble.getByText('A key has neither spaces nor accents').waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    await give(operatorKey);
    await page.getByRole('heading', { name: '1 node' }).waitFor();
  });

  test('shows each node, how many workers there should be and why, and what came before', async () => {
    await give(operatorKey);
    const node = page.getByRole('row').filter({ hasText: 'api, worker, scaler' });
    await node.getByText('decides').waitFor({ timeout: SEEN_MS_MAX });
    expect(await node.getByRole('cell').allTextContents()).toEqual([
      'up',
      'api, worker, scaler',
      expect.stringMatching(/^1 /),
      expect.stringMatching(/^\d+\.\d+\.\d+ schema \d+$/),
      expect.stringMatching(/ ago$/),
      expect.any(String),
    ]);
    const now = page.getByRole('region', { name: 'How many workers, and why' });
    // One worker stands, and two are the least.
    await now.getByText('1 → 2').waitFor({ timeout: SEEN_MS_MAX });
    await now.getByText('Up: fewer than the least. Held by: the least number of workers.').waitFor();
    await now.getByText('2 to 4 allowed').waitFor();
    const drawn = page.getByRole('img', { name: /^Workers, .*: at most 2 wanted and 1 running, now 2 and 1\.$/ });
    await drawn.waitFor({ timeout: SEEN_MS_MAX });
    const reasons = page.getByRole('region', { name: 'What was decided, and why' });
    expect(await reasons.getByRole('row').count()).toBeGreaterThan(1);
  });

  test('keeps the key for the tab and for nothing else, and forgets it when asked', async () => {
    await give(operatorKey);
    await page.getByRole('heading', { name: '1 node' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: '1 node' }).waitFor();
    const kept = () =>
      page.evaluate(() => [Object.values(sessionStorage), Object.values(localStorage), document.cookie]);
    const [inTab, beyond, cookies] = await kept();
    expect(inTab).toEqual([operatorKey]);
    expect(JSON.stringify([beyond, cookies, page.url()])).not.toContain(operatorKey);
    const other = await context.newPage();
    await other.goto(`${safelight.url}/#/fleet`);
    await other.getByLabel('Operator’s key').waitFor();
    await page.getByRole('button', { name: 'Forget the key' }).click();
    await field().waitFor();
    expect((await kept())[0]).toEqual([]);
  });

  test('tells when the service is gone, and goes on when it is back', async () => {
    await give(operatorKey);
    await page.getByRole('heading', { name: '1 node' }).waitFor();
    await context.setOffline(true);
    await page.getByRole('alert').getByText('Safelight cannot be reached').waitFor();
    expect(await page.getByRole('heading', { name: '1 node' }).count()).toBe(1);
    await context.setOffline(false);
    await page.getByRole('alert').waitFor({ state: 'detached' });
  });

  test('fits a phone without sideways scrolling, in the dark and in the light, and is one click from the pictures', async () => {
    await give(operatorKey);
    await page.getByRole('heading', { name: '1 node' }).waitFor();
    await page.setViewportSize({ width: 360, height: 780 });
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    await expect.poll(overflow).toBe(0);
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await background();
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await background()).not.toBe(dark);
    await page.getByRole('link', { name: 'Safelight, start' }).click();
    await page.getByRole('button', { name: 'Choose pictures' }).waitFor();
    await page.getByRole('link', { name: 'Fleet' }).click();
    await page.getByRole('heading', { name: '1 node' }).waitFor();
  });
});
