import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImagePage } from '@safelight/contract';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildConsole } from '../../packages/console/build.ts';
import { findBrowser, launchBrowser } from '../support/browser.ts';
import { smallPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { ofLength } from '../support/tus.ts';

declare global {
  interface Window {
    /** What the page went through, kept from its first moment on. */
    seen: { stages: string[]; violations: string[] };
  }
}

const isWaived = process.env.SAFELIGHT_TEST_WITHOUT_BROWSER === '1' && findBrowser() === undefined;
const PHONE = { width: 360, height: 780 };
const DESKTOP = { width: 1280, height: 800 };

describe.skipIf(isWaived)('the page at /', () => {
  let safelight: Safelight;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** Errors of the browser's console, but for what it says itself about each answer of 400 and above. */
  let complaints: string[];

  beforeAll(async () => {
    await buildConsole();
    [safelight, browser] = await Promise.all([Safelight.start(), launchBrowser()]);
  });

  afterAll(async () => {
    await browser?.close();
    await safelight?.close();
  });

  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext({ viewport: DESKTOP });
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load')) complaints.push(message.text());
    });
    await page.addInitScript(watch);
    await page.goto(safelight.url);
    await page.getByRole('button', { name: 'Choose pictures' }).waitFor();
  });

  afterEach(async () => {
    const violations = await page.evaluate(() => window.seen.violations);
    await context.close();
    expect({ complaints, violations }).toEqual({ complaints: [], violations: [] });
  });

  /** The browser draws the pictures that it sends: one of each kind, 1280 × 800. */
  async function sendPictures(names: readonly string[]): Promise<void> {
    const files = await Promise.all(
      names.map(async (name) => {
        const type = name.endsWith('.png') ? ('png' as const) : ('jpeg' as const);
        return { name, mimeType: `image/${type}`, buffer: await page.screenshot({ type }) };
      }),
    );
    await page.locator('input[type=file]').first().setInputFiles(files);
  }

  const card = (name: string) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name }) });

  async function untilReady(name: string): Promise<void> {
    for (const preset of ['small', 'medium', 'large']) {
      await card(name)
        .getByRole('button', { name: `Open ${preset} of ${name}` })
        .waitFor();
    }
    await card(name)
      .getByRole('button', { name: `Open ${name}` })
      .waitFor();
  }

  const loadedWidths = (name: string) =>
    card(name)
      .locator('img')
      .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).naturalWidth));

  async function listedIds(): Promise<string[]> {
    const { images } = (await (await safelight.fetch('/v1/images?limit=200')).json()) as ImagePage;
    return images.map(({ id }) => id);
  }

  test('shows each picture being sent and developed, and then its three renditions', async () => {
    await sendPictures(['meadow.jpg', 'chart.png']);
    for (const name of ['meadow.jpg', 'chart.png']) {
      await untilReady(name);
      await expect.poll(() => loadedWidths(name), { timeout: 10_000 }).toEqual([600, 100, 300, 600]);
      const facts = await card(name).locator('.rendition-facts').allTextContents();
      expect(facts).toHaveLength(3);
      for (const fact of facts) expect(fact).toMatch(/^[\d.]+\s(B|KiB) · [\d.]+\s% (smaller|larger) · \d+\sms$/);
    }
    const facts = await card('meadow.jpg').locator('.card-facts').textContent();
    expect(facts).toMatch(/^1280\s×\s800 · JPEG · [\d.]+\sKiB$/);
    const stages = await page.evaluate(() => window.seen.stages);
    expect(stages.some((stage) => /^(Sending \d+ %|Securing…)$/.test(stage))).toBe(true);
    expect(stages).toContain('Developing…');
    await expect.poll(() => page.getByRole('status').textContent()).toMatch(/^(meadow\.jpg|chart\.png): 3 ready\.$/);
  });

  test('still shows them after it was loaded again, and deletes one when asked twice', async () => {
    await sendPictures(['kept.jpg', 'doomed.jpg']);
    await Promise.all([untilReady('kept.jpg'), untilReady('doomed.jpg')]);
    await page.reload();
    await untilReady('doomed.jpg');
    const url = await card('doomed.jpg').locator('.rendition img').first().getAttribute('src');
    expect((await fetch(url ?? '')).status).toBe(200);

    await page.getByRole('button', { name: 'Delete doomed.jpg' }).click();
    await page.getByRole('button', { name: 'Keep' }).click();
    expect(await card('doomed.jpg').count()).toBe(1);
    await page.getByRole('button', { name: 'Delete doomed.jpg' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await card('doomed.jpg').waitFor({ state: 'detached' });
    expect(await card('kept.jpg').count()).toBe(1);
    expect((await fetch(url ?? '')).status).toBe(410);
  });

  test('says in plain words why a text that is called .jpg is no picture', async () => {
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['<html>hello</html>'], 'holiday.jpg', { type: 'image/jpeg' }));
      window.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    });
    await card('holiday.jpg').getByText('This is not a picture that can be read.').waitFor();
    expect(await card('holiday.jpg').getByRole('button', { name: 'Try again' }).count()).toBe(0);
    await card('holiday.jpg').getByRole('button', { name: 'Dismiss' }).click();
    expect(await card('holiday.jpg').count()).toBe(0);
  });

  test('tells how far a slow upload has come, and stops it when asked', async () => {
    const network = await context.newCDPSession(page);
    const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 400_000 };
    await network.send('Network.emulateNetworkConditions', slow);
    const before = await listedIds();
    const buffer = Buffer.concat([await page.screenshot({ type: 'jpeg' }), Buffer.alloc(3_000_000)]);
    await page.locator('input[type=file]').first().setInputFiles({ name: 'slow.jpg', mimeType: 'image/jpeg', buffer });
    await card('slow.jpg')
      .getByText(/^Sending [1-9]\d? %$/)
      .waitFor();
    await card('slow.jpg').getByRole('button', { name: 'Cancel' }).click();
    await card('slow.jpg').waitFor({ state: 'detached' });
    expect(await listedIds()).toEqual(before);
  });

  test('opens a rendition large, walks to the others by the arrow keys, and gives the focus back on Esc', async () => {
    await sendPictures(['large.jpg']);
    await untilReady('large.jpg');
    const opener = card('large.jpg').getByRole('button', { name: 'Open large of large.jpg' });
    await opener.focus();
    await page.keyboard.press('Enter');
    const shown = page.getByRole('dialog').locator('.lightbox-stage img');
    const width = () => shown.evaluate((image) => (image as HTMLImageElement).naturalWidth);
    await expect.poll(width).toBe(600);
    await page.keyboard.press('ArrowLeft');
    await expect.poll(width).toBe(300);
    await page.keyboard.press('Escape');
    await shown.waitFor({ state: 'detached' });
    expect(await opener.evaluate((button) => button === document.activeElement)).toBe(true);
  });

  test('hands out a URL and a curl line by the clipboard, and says so', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await sendPictures(['copied.jpg']);
    await untilReady('copied.jpg');
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await page.getByRole('button', { name: 'Copy the URL of small of copied.jpg' }).click();
    await page.locator('.toast').getByText('Copied').waitFor();
    const answer = await fetch(await clipboard());
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    await card('copied.jpg').getByRole('button', { name: 'Copy curl' }).click();
    await expect.poll(clipboard).toMatch(/^curl -o copied-large\.jpg 'http:\S+'$/);
  });

  test('goes on with a large picture after a reload, from where it was, when the same file is dropped again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'safelight-console-'));
    const file = join(folder, 'huge.jpg');
    await writeFile(file, ofLength(await smallPhoto(), 20 * 2 ** 20));
    const drop = () => page.locator('input[type=file]').first().setInputFiles(file);
    const offsets: (string | undefined)[] = [];
    // The second piece never leaves the browser.
    await page.route('**/v1/uploads/*', (route, request) => {
      const offset = request.headers()['upload-offset'];
      if (request.method() === 'PATCH') offsets.push(offset);
      return offset === undefined || offset === '0' ? route.continue() : undefined;
    });
    await drop();
    await expect.poll(() => offsets, { timeout: 20_000 }).toEqual(['0', String(8 * 2 ** 20)]);
    await page.reload();
    await page.unrouteAll();
    await page.locator('.toast').getByText('Drop huge.jpg again').waitFor();
    page.on('request', (request) => {
      if (request.method() === 'PATCH') offsets.push(`again ${request.headers()['upload-offset']}`);
    });
    await drop();
    await untilReady('huge.jpg');
    expect(offsets.slice(2)).toEqual([`again ${8 * 2 ** 20}`, `again ${16 * 2 ** 20}`]);
    await page.reload();
    await card('huge.jpg').waitFor();
    expect(await page.locator('.toast').getByText('Drop huge.jpg').count()).toBe(0);
    await rm(folder, { recursive: true });
  });

  test('fits a phone without sideways scrolling, empty or full, and lies in the dark or in the light', async () => {
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await page.setViewportSize(PHONE);
    expect(await overflow()).toBe(0);
    await sendPictures([`a-very-long-name-${'without-an-end-'.repeat(10)}.jpg`]);
    await page.locator('.rendition img').first().waitFor();
    expect(await overflow()).toBe(0);
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await background();
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await background()).not.toBe(dark);
  });
});

/** Runs in the browser before the page does. */
function watch(): void {
  window.seen = { stages: [], violations: [] };
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
    window.seen.violations.push(`${violatedDirective} ${blockedURI}`);
  });
  new MutationObserver(() => {
    for (const { textContent } of document.querySelectorAll('.stage-label')) window.seen.stages.push(textContent ?? '');
  }).observe(document, { childList: true, subtree: true, characterData: true });
}
