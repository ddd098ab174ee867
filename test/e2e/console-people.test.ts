import { TENANT_SCOPES } from '@safelight/contract';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildConsole } from '../../packages/console/build.ts';
import { findBrowser, launchBrowser } from '../support/browser.ts';
import { keyOf } from '../support/node-database.ts';
import { inviteBy, PASSWORD } from '../support/people.ts';
import { Safelight } from '../support/safelight.ts';

const isWaived = process.env.SAFELIGHT_TEST_WITHOUT_BROWSER === '1' && findBrowser() === undefined;
const PHONE = { width: 360, height: 780 };

describe.skipIf(isWaived)('the page, where no tenant is public', () => {
  let safelight: Safelight;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    await buildConsole();
    [safelight, browser] = await Promise.all([
      Safelight.start({ env: { SAFELIGHT_PUBLIC_TENANT: 'none' } }),
      launchBrowser(),
    ]);
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load')) complaints.push(message.text());
    });
  });
  afterAll(async () => {
    await browser?.close();
    await safelight?.close();
  });

  const logIn = async (email: string, password: string) => {
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
  };

  test('lets in who follows an invitation and chooses a password, and forgets the token', async () => {
    const studio = await keyOf(safelight, 'studio', TENANT_SCOPES);
    const { invitation } = await inviteBy(safelight, studio, 'ada@studio.example', 'owner');
    await page.goto(invitation.link);
    await page.getByRole('heading', { name: 'You are invited' }).waitFor();
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Come in' }).click();
    await page.getByRole('button', { name: 'Choose pictures' }).waitFor();
    expect(page.url()).toBe(`${safelight.url}/`);
    await page.getByText('ada@studio.example').waitFor();
  });

  test('sends and deletes pictures by the session of the person', async () => {
    const buffer = await page.screenshot({ type: 'jpeg' });
    const file = { name: 'mine.jpg', mimeType: 'image/jpeg', buffer };
    await page.locator('input[type=file]').first().setInputFiles(file);
    await page.getByRole('button', { name: 'Open large of mine.jpg' }).waitFor();
    await page.getByRole('button', { name: 'Delete mine.jpg' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('heading', { name: 'mine.jpg' }).waitFor({ state: 'detached' });
  });

  test('makes a key that is shown once and works, and ends it', async () => {
    await page.getByRole('link', { name: 'Keys' }).click();
    await page.getByLabel('Name').fill('web shop');
    await page.getByRole('button', { name: 'Make a key' }).click();
    const secret = (await page.locator('.once code').textContent()) ?? '';
    const opens = async () =>
      (await fetch(`${safelight.url}/v1/images`, { headers: { authorization: `Bearer ${secret}` } })).status;
    expect(await opens()).toBe(200);
    await page.reload();
    const row = page.getByRole('listitem').filter({ hasText: 'web shop' });
    await row.waitFor();
    expect(await page.locator('.once').count()).toBe(0);
    await row.getByRole('button', { name: 'Revoke' }).click();
    await row.getByRole('button', { name: 'Really end it' }).click();
    await row.getByText('revoked').waitFor();
    expect(await opens()).toBe(401);
  });

  test('hands out an invitation, and keeps the last owner', async () => {
    await page.getByRole('link', { name: 'People' }).click();
    await page.getByLabel('E-mail').fill('bob@studio.example');
    await page.getByRole('button', { name: 'Invite' }).click();
    expect(await page.locator('.once code').textContent()).toMatch(/#invitation=[\w-]{43}$/);
    await page.getByText('editor, invited').waitFor();
    await page.getByLabel('Role of ada@studio.example').selectOption('viewer');
    await page.getByText('Somebody must own the tenant').first().waitFor();
    await expect.poll(() => page.getByLabel('Role of ada@studio.example').inputValue()).toBe('owner');
  });

  test('fits a phone without sideways scrolling', async () => {
    await page.setViewportSize(PHONE);
    for (const hash of ['#/keys', '#/people', '#/log-in']) {
      await page.goto(`${safelight.url}/${hash}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, hash).toBe(0);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  test('shows nothing to who has logged out, says why a password does not open, and lets in again', async () => {
    await page.goto(`${safelight.url}/`);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await logIn('ada@studio.example', 'not my password');
    await page.getByRole('alert').getByText('E-mail or password is wrong.').waitFor();
    await logIn('ada@studio.example', PASSWORD);
    await page.getByRole('button', { name: 'Choose pictures' }).waitFor();
    expect(complaints).toEqual([]);
  });
});
