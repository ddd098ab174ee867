import { TENANT_SCOPES } from '@safelight/contract';
import { createClient, type SafelightClient } from '@safelight/sdk';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildConsole } from '../../packages/console/build.ts';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { createKey, newKeySecret } from '../../packages/service/src/tenants/index.ts';
import { findBrowser, launchBrowser } from '../support/browser.ts';
import { createInstallation, type FleetNode, type Installation } from '../support/nodes.ts';
import { inviteBy, PASSWORD } from '../support/people.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';

const isWaived = process.env.SAFELIGHT_TEST_WITHOUT_BROWSER === '1' && findBrowser() === undefined;
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 780 };

/** Pictures are made by a node that is started when the test wants them made: until then a change stands at its beginning. */
describe.skipIf(isWaived)('the page of the presets', () => {
  let installation: Installation;
  let front: FleetNode;
  let browser: Browser;
  let client: SafelightClient;
  let key: string;
  let owner: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    await buildConsole();
    [installation, browser] = await Promise.all([createInstallation(), launchBrowser()]);
    key = await keyOf(installation.test.tenants.a);
    front = await installation.start({ roles: 'api' });
    client = createClient({ baseUrl: front.url, key });
    const photo = await smallPhoto();
    await client.images.create(unlike(photo), { filename: 'pier.jpg' });
    await client.images.create(unlike(photo), { filename: 'harbour.jpg' });
    owner = await comeIn('owner');
    await owner.getByRole('link', { name: 'Presets', exact: true }).click();
    await row('large').waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await installation?.close();
  });

  async function keyOf(tenantId: string): Promise<string> {
    const secret = newKeySecret(systemClock);
    const { database } = installation.test;
    await database.transaction((tx) => createKey(tx, systemClock, { tenantId, secret, scopes: TENANT_SCOPES }));
    return secret;
  }

  /** A new person of a role, logged in by an invitation in a browser of its own. */
  async function comeIn(role: 'owner' | 'editor'): Promise<Page> {
    const authorization = `Bearer ${key}`;
    const { invitation } = await inviteBy(front, { authorization }, `${role}@tenant-a.example`, role);
    const page = await (await browser.newContext({ viewport: DESKTOP })).newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load')) complaints.push(message.text());
    });
    await page.goto(invitation.link);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Come in' }).click();
    await page.getByRole('button', { name: 'Log out' }).waitFor();
    return page;
  }

  const row = (name: string) => owner.getByRole('listitem', { name, exact: true });
  const name = () => owner.getByRole('textbox', { name: 'Name' });
  const transformation = () => owner.getByRole('textbox', { name: 'Transformation' });
  const make = () => owner.getByRole('button', { name: 'Make a preset' }).click();
  const progressOf = (preset: string) => owner.getByRole('progressbar', { name: `Pictures made anew for ${preset}` });

  test('tells what is built in', async () => {
    await row('small').getByText('fit=max&h=100&w=100').waitFor();
    await row('small').getByText('version 1 · of each upload · from the beginning').waitFor();
    expect(await owner.getByRole('listitem').count()).toBe(3);
    expect(await owner.getByRole('button', { name: /Remove|Put back/ }).count()).toBe(0);
  });

  test('makes a preset out of what stands in a URL', async () => {
    await name().fill('hero');
    await transformation().fill('fm=webp&w=200');
    await make();
    await row('hero').getByText('fit=max&fm=webp&q=80&w=200').waitFor();
    await row('hero').getByText('your own').waitFor();
    await expect.poll(() => name().inputValue()).toBe('');
    expect(await client.presets.get('hero')).toMatchObject({ version: 1, onUpload: true });
  });

  test('says at the field what is wrong, as the API words it', async () => {
    await name().fill('card');
    await transformation().fill('w=wide');
    await make();
    const fault = owner.getByRole('alert');
    await fault.getByText(/^w: takes /).waitFor();
    expect(await transformation().getAttribute('aria-invalid')).toBe('true');
    expect(await transformation().getAttribute('aria-describedby')).toBe(await fault.getAttribute('id'));
    await name().fill('original');
    await transformation().fill('w=5');
    await make();
    await fault.getByText('has 1 to 32 lower-case letters, digits, _ and -, and is not original').waitFor();
    expect(await name().getAttribute('aria-invalid')).toBe('true');
    expect(await transformation().getAttribute('aria-invalid')).toBe('false');
    await name().fill('');
    await expect.poll(() => fault.count()).toBe(0);
  });

  test('names the bound when there are as many as may be', async () => {
    const { database, tenants } = installation.test;
    await database.query(
      `INSERT INTO presets (tenant_id, name, version, transformation, on_upload, up_to, finished_at)
       SELECT $1, 'many-' || n, 1, 'w=' || n, false, '', now() FROM generate_series(1, 31) AS n`,
      [tenants.a],
    );
    await name().fill('one-more');
    await transformation().fill('w=5');
    await make();
    await owner.getByRole('alert').getByText('The bound presetsMax is 32.').waitFor();
    await database.query(`DELETE FROM presets WHERE tenant_id = $1 AND name LIKE 'many-%'`, [tenants.a]);
  });

  test('changes one from the keyboard alone, and shows how far pictures are made anew until they are', async () => {
    await row('hero').getByRole('button', { name: 'Change hero' }).press('Enter');
    expect(await name().inputValue()).toBe('hero');
    await owner.keyboard.press('ControlOrMeta+A');
    await owner.keyboard.type('w=120&fm=webp');
    await owner.keyboard.press('Enter');
    await row('hero').getByText('fit=max&fm=webp&q=80&w=120').waitFor();
    await row('hero').getByText('version 2').waitFor();
    await row('hero').getByText('0 of 2 pictures made anew').waitFor();
    expect(await progressOf('hero').getAttribute('max')).toBe('2');
    expect(await row('hero').getByRole('img').count()).toBe(0);
    await installation.start({ roles: 'worker,janitor' });
    await row('hero').getByText('2 of 2 pictures made anew').waitFor();
    await expect.poll(() => progressOf('hero').count()).toBe(0);
    const sample = row('hero').getByRole('img', { name: 'harbour.jpg as hero' });
    await expect.poll(() => sample.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(120);
  });

  test('removes one of the tenant’s own, and puts back what is built in, once it was asked twice', async () => {
    await row('hero').getByRole('button', { name: 'Remove' }).click();
    expect((await client.presets.list()).map(({ name }) => name)).toContain('hero');
    await row('hero').getByRole('button', { name: 'Really remove' }).click();
    await expect.poll(() => row('hero').count()).toBe(0);
    await expect(client.presets.get('hero')).rejects.toMatchObject({ code: 'preset_not_found' });

    await row('small').getByRole('button', { name: 'Change small' }).click();
    await transformation().fill('w=50&h=50');
    await owner.getByLabel('Made').selectOption('when asked for');
    await owner.getByRole('button', { name: 'Save small' }).click();
    await row('small').getByText('built in, changed').waitFor();
    await row('small').getByRole('button', { name: 'Put back' }).click();
    await row('small').getByRole('button', { name: 'Really put back' }).click();
    await row('small').getByText('built in', { exact: true }).waitFor();
    expect(await client.presets.get('small')).toMatchObject({ transformation: 'fit=max&h=100&w=100', onUpload: true });
  });

  test('fits a phone, and is not offered to whoever may not change settings', async () => {
    await owner.setViewportSize(PHONE);
    await transformation().fill(`w=${'9'.repeat(100)}`);
    await name().fill('a'.repeat(32));
    await make();
    await owner.getByRole('alert').waitFor();
    expect(await owner.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0);
    const editor = await comeIn('editor');
    expect(await editor.getByRole('link', { name: 'Usage', exact: true }).count()).toBe(1);
    expect(await editor.getByRole('link', { name: 'Presets', exact: true }).count()).toBe(0);
    await editor.goto(`${front.url}/#/presets`);
    await editor.reload();
    await editor.getByRole('heading', { name: 'harbour.jpg' }).waitFor();
    expect(await editor.getByRole('heading', { name: 'Presets' }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});
