import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image, NewTenant, SignedReceipt } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type SafelightClient } from '../../packages/sdk/src/index.ts';
import { KEPT } from '../../packages/service/src/erasure/tables.ts';
import { expectProblem } from '../support/answers.ts';
import { runCommand } from '../support/command.ts';
import { asSuperuser } from '../support/node-database.ts';
import { smallPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

let node: Safelight;
let admin: SafelightClient;
let photo: Uint8Array;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '1' } });
  const operator = (await readFile(join(node.data, 'operator-key'), 'utf8')).trim();
  admin = createClient({ baseUrl: node.url, key: operator });
  photo = await smallPhoto();
});
afterAll(() => node.close());

const clientOf = ({ key }: NewTenant) => createClient({ baseUrl: node.url, key });
const safelight = (...args: string[]) => runCommand(args, { SAFELIGHT_DATA: node.data });
const receiptOf = (client: SafelightClient, erasure = '') =>
  until('the receipt to be signed', () => client.erasures.receipt(erasure));
const deliver = async (url: string) => {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
};
const orNothing = <T>([first]: T[]): [T] | false => first !== undefined && [first];
async function verify(receipt: SignedReceipt) {
  const file = join(node.data, 'receipt.json');
  await writeFile(file, JSON.stringify(receipt));
  return safelight('erasure', 'verify', file);
}

describe('a deleted image, where the tenant has a trash', () => {
  let client: SafelightClient;
  let image: Image;
  const small = () => image.urls.small ?? '';
  beforeAll(async () => {
    client = clientOf(await admin.tenants.create({ name: 'trash', settings: { trashDays: 7 } }));
    image = await client.images.create(photo, { wait: 30, filename: 'holiday.jpg', tags: ['beach'] });
  });

  it('is delivered no more, and can be seen and listed when asked for', async () => {
    expect(await deliver(small())).toBe(200);
    const { erasesAt, erasure } = await client.images.delete(image.id);
    expect(Date.parse(erasesAt ?? '') - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
    expect(erasure).toBeUndefined();
    expect(await deliver(small())).toBe(410);
    expect(await client.images.get(image.id)).toMatchObject({ state: 'trashed', erasesAt, filename: 'holiday.jpg' });
    expect((await client.images.list()).images).toEqual([]);
    for (const trash of ['only', 'with'] as const) {
      const { images } = await client.images.list({ trash, tag: 'beach' });
      expect(images).toMatchObject([{ id: image.id, state: 'trashed', tags: ['beach'] }]);
    }
    // What a proxy or the client itself sends twice takes nothing away.
    expect((await client.images.delete(image.id)).erasesAt).toBe(erasesAt);
  });

  it('is another image when its bytes are sent again, and both share the original', async () => {
    const again = await client.images.create(photo, { wait: 30 });
    expect(again.id).not.toBe(image.id);
    expect(await deliver(again.urls.small ?? '')).toBe(200);
    expect(await client.images.delete(again.id, { erase: true })).toMatchObject({ originalRemoved: false });
  });

  it('comes back with all that it was', async () => {
    const { renditions: _, ...before } = image;
    const { renditions, ...restored } = await client.images.restore(image.id);
    expect({ ...restored, state: 'ready' }).toEqual(before);
    await until('its URL to answer', async () => (await deliver(small())) === 200);
    await until('the log to tell of it', async () => {
      const { events } = await client.audit.page({ image: image.id });
      return events.some(({ type }) => type === 'image.restored');
    });
    expect(renditions).toHaveLength(3);
  });

  it('is erased when that is said, with a receipt that holds', async () => {
    await client.images.delete(image.id);
    const { erasure } = await client.images.delete(image.id, { erase: true });
    const receipt = await receiptOf(client, erasure);
    expect(receipt.receipt).toMatchObject({ imageId: image.id, original: 'removed', rows: { renditions: 3 } });
    const { code, stdout } = await verify(receipt);
    expect(stdout).toContain('The receipt holds: nothing of it is left.');
    expect(code).toBe(0);
    await expect(client.images.restore(image.id)).rejects.toMatchObject({ code: 'image_gone' });
    expect((await client.erasures.list()).erasures[0]).toMatchObject({ id: erasure, state: 'signed' });
  });

  it('is not made again by a repeat of the request that sent it', async () => {
    const send = () => client.images.create(photo, { idempotencyKey: 'once' });
    const { id } = await send();
    await client.images.delete(id, { erase: true });
    await expect(send()).rejects.toMatchObject({ code: 'image_gone' });
  });

  it('has no receipt that nobody asked for', async () => {
    const answer = await node.fetch('/v1/erasures/era_00000000000000000000000000');
    await expectProblem(answer, 'erasure_not_found');
  });
});

describe('an exported tenant', () => {
  it('is one again where it is imported, with presets, settings and pictures, and a key of its own', async () => {
    const client = clientOf(await admin.tenants.create({ name: 'taken', settings: { trashDays: 5 } }));
    const image = await client.images.create(photo, { wait: 30, filename: 'along.jpg' });
    const file = join(node.data, 'taken.tar');
    expect((await safelight('tenant', 'export', 'taken', file)).stdout).toMatch(
      /^1 images of 1 originals and \d+ events/,
    );
    const { code, stdout } = await safelight('tenant', 'import', file, '--slug', 'brought', '--json');
    expect(code).toBe(0);
    const { key, images, renamed } = JSON.parse(stdout) as { key: string; images: number; renamed: number };
    expect([images, renamed]).toEqual([1, 1]);
    const brought = createClient({ baseUrl: node.url, key });
    expect((await admin.tenants.get('brought')).settings.trashDays).toBe(5);
    const [copy] = (await brought.images.list()).images as [Image];
    expect(copy).toMatchObject({ filename: 'along.jpg', sha256: image.sha256, createdAt: image.createdAt });
    await until('its pictures to be made', async () => (await brought.images.get(copy.id)).state === 'ready');
    expect(await deliver(copy.urls.small ?? '')).toBe(200);
  });
});

describe('a deleted tenant', () => {
  it('leaves a receipt, and no row but those with a reason', async () => {
    const made = await admin.tenants.create({ name: 'gone', displayName: 'Ms Gone', settings: { trashDays: 3 } });
    const client = clientOf(made);
    await client.images.create(photo, { wait: 30, idempotencyKey: 'x', filename: 'secret.jpg' });
    const other = await client.images.create(photo);
    await client.images.delete(other.id);
    await client.webhooks.create({ url: 'https://example.org/hook' });
    await client.people.invite({ email: 'somebody@example.org', role: 'viewer' });
    await until('the log to be sealed', async () => (await client.audit.page({})).events.length > 5);
    await admin.tenants.delete('gone');
    const ended = `SELECT erasure_id AS id FROM safelight.erasures
      WHERE tenant_id = '${made.id}' AND scope = 'tenant' AND state = 'signed'`;
    // A transaction that began before the deletion may last half a minute: as if that had passed.
    await asSuperuser(
      node,
      `UPDATE safelight.tenants SET status_at = status_at - interval '1 min' WHERE slug = 'gone'`,
    );
    const [{ id }] = await until('the receipt', async () => orNothing(await asSuperuser(node, ended)));
    expect((await safelight('erasure', 'list', 'gone')).stdout).toMatch(new RegExp(`${id} .* signed +tenant`));
    const receipt = JSON.parse((await safelight('erasure', 'show', 'gone', String(id))).stdout) as SignedReceipt;
    expect(receipt.receipt).toMatchObject({
      ...{ scope: 'tenant', objectPrefix: `${made.id}/`, purged: [made.id] },
      rows: { images: 2, originals: 1 },
      objects: { original: { objects: 1 }, rendition: { objects: 3 } },
    });
    expect((await verify(receipt)).stdout).toContain('The receipt holds');
    const tables = (await asSuperuser(
      node,
      `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
       WHERE c.relnamespace = 'safelight'::regnamespace AND c.relkind = 'r'`,
    )) as { name: string }[];
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables) {
      const [row] = await asSuperuser(node, `SELECT FROM safelight."${name}" WHERE tenant_id = '${made.id}' LIMIT 1`);
      if (row && !Object.hasOwn(KEPT, name)) throw new Error(`${name} still has a row of the tenant`);
    }
    const told = await asSuperuser(
      node,
      `SELECT e::text AS row FROM safelight.events e WHERE tenant_id = '${made.id}' AND personal IS NOT NULL
       UNION ALL SELECT t::text FROM safelight.tenants t WHERE tenant_id = '${made.id}' AND display_name IS NOT NULL`,
    );
    expect(told).toEqual([]);
  });
});
