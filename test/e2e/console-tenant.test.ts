import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditedEvent, TENANT_SCOPES } from '@safelight/contract';
import { createClient, type SafelightClient } from '@safelight/sdk';
import type { Browser, Page } from 'playwright-core';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildConsole } from '../../packages/console/build.ts';
import { findBrowser, launchBrowser } from '../support/browser.ts';
import { keyOf } from '../support/node-database.ts';
import { inviteBy, PASSWORD } from '../support/people.ts';
import { smallPhoto } from '../support/pictures.ts';
import { Receiver } from '../support/receiver.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const isWaived = process.env.SAFELIGHT_TEST_WITHOUT_BROWSER === '1' && findBrowser() === undefined;
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 780 };
/** A euro for each rendition's megapixel, nothing for anything else. */
const PLAN = { prices: { currency: 'EUR', megapixel: 1_000_000 } };

describe.skipIf(isWaived)('the pages of a tenant’s staff', () => {
  let safelight: Safelight;
  let receiver: Receiver;
  let browser: Browser;
  let client: SafelightClient;
  let studio: { authorization: string };
  let owner: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    await buildConsole();
    [safelight, browser, receiver] = await Promise.all([
      Safelight.start({ env: { SAFELIGHT_OUTBOUND_ALLOW: '127.0.0.0/8', SAFELIGHT_WORKERS: '1' } }),
      launchBrowser(),
      Receiver.start(),
    ]);
    await asOperator('PUT', '/v1/admin/plans/metered', PLAN);
    // Of this plan from its first moment on: another would hold to the end of the hour.
    await asOperator('POST', '/v1/admin/tenants', { name: 'studio', plan: 'metered' }, 201);
    studio = await keyOf(safelight, 'studio', TENANT_SCOPES);
    client = createClient({ baseUrl: safelight.url, key: studio.authorization.replace('Bearer ', '') });
    owner = await comeIn('owner');
  });
  afterAll(async () => {
    await browser?.close();
    await receiver?.close();
    await safelight?.close();
  });

  async function asOperator(method: string, path: string, body: unknown, status = 200): Promise<void> {
    const key = (await readFile(join(safelight.data, 'operator-key'), 'utf8')).trim();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(`${safelight.url}${path}`, { method, headers, body: JSON.stringify(body) });
    expect({ path, status: response.status }).toEqual({ path, status });
  }

  async function newPage(): Promise<Page> {
    const page = await (await browser.newContext({ viewport: DESKTOP })).newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load')) complaints.push(message.text());
    });
    return page;
  }

  /** A new person of a role, logged in by an invitation in a browser of its own. */
  async function comeIn(role: 'owner' | 'editor' | 'billing'): Promise<Page> {
    const { invitation } = await inviteBy(safelight, studio, `${role}@studio.example`, role);
    const page = await newPage();
    await page.goto(invitation.link);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Come in' }).click();
    await page.getByRole('button', { name: 'Log out' }).waitFor();
    return page;
  }

  const go = (page: Page, name: string) => page.getByRole('link', { name, exact: true }).click();
  const offered = (page: Page) =>
    page.getByRole('navigation', { name: 'Pages of the tenant' }).getByRole('link').allTextContents();
  /** What stands beside a name in a list of facts. */
  const fact = (page: Page, name: string) => page.locator('dl > div', { hasText: name }).first().locator('dd');

  async function textOf(page: Page, click: () => Promise<void>): Promise<string> {
    const coming = page.waitForEvent('download');
    await click();
    return readFile(await (await coming).path(), 'utf8');
  }

  test('show what was used and what it costs, by the day, and as a file', async () => {
    await client.images.create(await smallPhoto(), { filename: 'harbour.jpg', wait: 30 });
    const usage = await until('the renders are metered', async () => {
      const seen = await client.usage.get();
      return seen.total.renders === 3 && seen;
    });
    await go(owner, 'Usage');
    await expect.poll(() => fact(owner, 'Renders').textContent()).toBe('3');
    const megapixels = usage.total.megapixels.toLocaleString('en', { maximumSignificantDigits: 2 });
    expect(await fact(owner, 'Megapixels').textContent()).toBe(megapixels);
    const cost = Number((await fact(owner, 'Cost to date').textContent())?.replace('€', ''));
    expect(cost).toBeCloseTo(usage.total.costMicros / 1e6, 3);
    const forecast = Number(/€([\d.]+)/.exec((await fact(owner, 'Forecast').textContent()) ?? '')?.[1]);
    expect(forecast).toBeGreaterThanOrEqual(cost);
    await owner.getByRole('combobox', { name: 'By day' }).selectOption('Renders');
    await owner.getByRole('img', { name: /^Renders by day: at most 3, on \d+ \w+\.$/ }).waitFor();
    const csv = await textOf(owner, () => owner.getByRole('link', { name: 'by day' }).click());
    expect(csv.split('\r\n')[0]).toMatch(/^from,to,requests,.*,costMicros,currency$/);
    expect(csv).toMatch(/,EUR\r\n$/);
    await owner.getByRole('button', { name: 'The month before' }).click();
    await expect.poll(() => fact(owner, 'Renders').textContent()).toBe('0');
    await owner.getByRole('button', { name: 'The month after' }).click();
    await expect.poll(() => fact(owner, 'Renders').textContent()).toBe('3');
  });

  test('put a ceiling on it, and say when it is reached', async () => {
    const budget = owner.getByRole('region', { name: 'Budget' });
    const alert = budget.getByRole('textbox', { name: 'Alert at' });
    const stop = budget.getByRole('textbox', { name: 'Stop at' });
    const set = () => budget.getByRole('button', { name: 'Set the budget' }).click();
    await budget.getByText('No ceiling is set').waitFor();
    await alert.fill('20');
    await stop.fill('12.50');
    await set();
    await budget.getByRole('alert').getByText('The alert must not lie above the stop.').waitFor();
    await alert.fill('ten');
    await set();
    await budget.getByRole('alert').getByText('Write an amount').waitFor();
    await alert.fill('10');
    await set();
    await budget.getByText('Within the budget.').waitFor();
    expect(await client.budget.get()).toMatchObject({ softMicros: 10_000_000, hardMicros: 12_500_000 });
    await budget
      .getByRole('img', { name: /spent or ordered; the alert is at €10.00, the stop at €12.50\.$/ })
      .waitFor();
    await alert.fill('');
    await stop.fill('0.000001');
    await set();
    await budget.getByText('The stop is reached').waitFor();
    await stop.fill('');
    await set();
    await budget.getByText('No ceiling is set').waitFor();
  });

  test('tell who did what, find what an image went through, and hand all of it out', async () => {
    await go(owner, 'Log');
    const lines = owner.locator('tbody tr');
    await owner.getByLabel('What happened').selectOption('Image accepted');
    await owner.getByRole('button', { name: 'Show', exact: true }).click();
    await expect.poll(() => lines.count()).toBe(1);
    expect(await lines.getByRole('cell').nth(2).textContent()).toBe('127.0.0.1');
    await lines.getByRole('button', { name: /^img_…/ }).click();
    await expect.poll(() => lines.count()).toBe(4);
    await lines.last().getByText('image.accepted').click();
    await lines.last().getByText('"filename": "harbour.jpg"').waitFor();
    const text = await textOf(owner, () => owner.getByRole('link', { name: 'Download what fits' }).click());
    const events = text.trimEnd().split('\n');
    expect(events.map((line) => (JSON.parse(line) as AuditedEvent).type).toSorted()).toEqual([
      'image.accepted',
      ...Array(3).fill('rendition.ready'),
    ]);
    await owner.getByRole('button', { name: 'Show everything' }).click();
    await lines.getByText('Budget changed').first().waitFor();
  });

  test('add a webhook whose secret is shown once, test it, and send its messages again', async () => {
    await go(owner, 'Webhooks');
    await owner.getByLabel('Address').fill(receiver.urlOf('/hook'));
    await owner.getByLabel('What it is for').fill('the shop');
    await owner.getByText('Only some events').click();
    await owner.getByLabel('image.deleted').check();
    await owner.getByRole('button', { name: 'Add a webhook' }).click();
    const row = owner.getByRole('listitem').filter({ hasText: 'the shop' });
    await row.getByText('image.deleted · made').waitFor();
    const secret = (await owner.locator('.once code').textContent()) ?? '';
    await row.getByRole('button', { name: 'Test' }).click();
    const delivery = row.getByRole('row').filter({ hasText: 'webhook.tested' });
    await delivery.getByText('delivered', { exact: true }).waitFor();
    const [message] = receiver.at('/hook');
    expect(new Verifier(secret).verify(message?.body ?? '', message?.headers ?? {})).toMatchObject({
      type: 'webhook.tested',
    });
    await delivery.getByRole('button', { name: 'Send again' }).click();
    await until('the message comes again', () => receiver.at('/hook').length === 2);
    await row.getByRole('button', { name: 'New secret' }).click();
    await expect.poll(() => owner.locator('.once code').textContent()).not.toBe(secret);
    await owner.reload();
    await row.waitFor();
    expect(await owner.locator('.once').count()).toBe(0);
  });

  test('disable, enable and remove a webhook', async () => {
    const row = owner.getByRole('listitem').filter({ hasText: 'the shop' });
    await row.getByRole('button', { name: 'Disable' }).click();
    await row.getByText('disabled: by the tenant').waitFor();
    expect(await row.getByRole('button', { name: 'Test' }).count()).toBe(0);
    await row.getByRole('button', { name: 'Enable' }).click();
    await row.getByRole('button', { name: 'Test' }).waitFor();
    await row.getByRole('button', { name: 'Remove' }).click();
    expect(await client.webhooks.list()).toHaveLength(1);
    await row.getByRole('button', { name: 'Really remove' }).click();
    await owner.getByText('There is none yet.').waitFor();
    expect(await client.webhooks.list()).toEqual([]);
  });

  test('fit a phone without sideways scrolling, and are all within its reach', async () => {
    await owner.setViewportSize(PHONE);
    for (const name of ['Pictures', 'Usage', 'Presets', 'Log', 'Webhooks', 'Keys', 'People']) {
      await go(owner, name);
      await owner.getByRole('heading', { name: name === 'Pictures' ? 'harbour.jpg' : name, exact: true }).waitFor();
      const overflow = () => owner.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      await expect.poll(overflow, { message: name }).toBe(0);
    }
    expect(await offered(owner)).toHaveLength(7);
  });

  test('show each role what is its own, also where an address names more', async () => {
    const billing = await comeIn('billing');
    await billing.getByRole('heading', { name: 'Usage' }).waitFor();
    await billing.goto(`${safelight.url}/#/log`);
    await billing.getByRole('button', { name: 'Set the budget' }).waitFor();
    expect(await billing.getByRole('heading', { name: 'Log' }).count()).toBe(0);
    const editor = await comeIn('editor');
    expect(await offered(editor)).toEqual(['Pictures', 'Usage']);
    await go(editor, 'Usage');
    await editor.getByText('No ceiling is set').waitFor();
    expect(await editor.getByRole('button', { name: 'Set the budget' }).count()).toBe(0);
  });

  test('show whoever sits at the machine what the demo uses, and no more', async () => {
    const guest = await newPage();
    await guest.goto(safelight.url);
    await guest.getByRole('button', { name: 'Choose pictures' }).waitFor();
    expect(await offered(guest)).toEqual(['Pictures', 'Usage']);
    await go(guest, 'Usage');
    await expect.poll(() => fact(guest, 'Renders').textContent()).toBe('0');
    expect(complaints).toEqual([]);
  });
});
