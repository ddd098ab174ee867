import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type SafelightClient, signUrl } from '@safelight/sdk';
import type { Safelight } from './safelight.ts';
import { until } from './until.ts';
import { urlKeyOf } from './url-keys.ts';

/** What a tenant has, by which another might try. */
interface Belongings {
  readonly secret: string;
  readonly key: string;
  readonly image: string;
  /** The end of its list, newest first: whose cursor shows the rest. */
  readonly lastImage: string;
  readonly webhook: string;
  readonly preset: string;
  readonly upload: string;
  readonly person: string;
  readonly erasure: string;
  /** Everything that, found in an answer to somebody else, has come through a wall. */
  readonly marks: readonly string[];
}

export interface World {
  readonly a: Belongings;
  readonly b: Belongings;
  readonly picture: Buffer;
  /** A URL of A's picture, signed with B's key. */
  readonly signedByB: string;
  /** How B's things stood before anybody tried. */
  readonly before: unknown;
  snapshot(): Promise<unknown>;
  /** Of the pictures that both tenants have. */
  states(): Promise<string[]>;
  etags(): Promise<{ readonly a: string | null; readonly b: string | null }>;
  removeOfA(): Promise<void>;
}

/** Two tenants of one installation, `a` and `b`, that have one of everything, of the same bytes. */
export async function createWorld(node: Safelight, picture: Buffer): Promise<World> {
  const operatorKey = (await readFile(join(node.data, 'operator-key'), 'utf8')).trim();
  const a = await furnish(node, operatorKey, 'a', picture);
  const b = await furnish(node, operatorKey, 'b', picture);
  const clients = {
    a: createClient({ baseUrl: node.url, key: a.secret }),
    b: createClient({ baseUrl: node.url, key: b.secret }),
  };
  const address = { baseUrl: node.url, tenant: 'a', image: a.image, key: await urlKeyOf(node, 'b') };
  const signed = new URL(await signUrl(address, { w: 120 }));
  const snapshot = () => viewOf(node, clients.b, b);
  const etag = async (slug: string, image: string) =>
    (await fetch(`${node.url}/i/${slug}/${image}/small`)).headers.get('etag');
  return {
    a,
    b,
    picture,
    signedByB: signed.pathname + signed.search,
    before: await snapshot(),
    snapshot,
    states: async () => [(await clients.a.images.get(a.image)).state, (await clients.b.images.get(b.image)).state],
    etags: async () => ({ a: await etag('a', a.image), b: await etag('b', b.image) }),
    removeOfA: async () => {
      for await (const { id } of clients.a.images.list()) await clients.a.images.delete(id);
    },
  };
}

async function furnish(node: Safelight, operatorKey: string, slug: string, picture: Buffer): Promise<Belongings> {
  const made = await send<{ id: string; key: string }>(node, operatorKey, 'POST', '/v1/admin/tenants', {
    name: slug,
  });
  const { id: tenantId, key: secret } = made;
  const client = createClient({ baseUrl: node.url, key: secret });
  const options = {
    filename: `${slug}-secret-name.png`,
    tags: [`tag-of-${slug}`],
    idempotencyKey: `of-${slug}`,
  };
  const first = await client.images.create(picture, { wait: 30 });
  const image = await client.images.create(picture, { ...options, wait: 30 });
  const { id: key } = await send<{ id: string }>(node, secret, 'POST', '/v1/keys', {
    name: `key of ${slug}`,
    scopes: ['images:read'],
  });
  const erased = await client.images.create(picture, { wait: 30 });
  const { erasure = '' } = await client.images.delete(erased.id);
  const webhook = await client.webhooks.create({ url: `https://${slug}.example.org/hook` });
  const preset = `preset-of-${slug}`;
  await client.presets.put(preset, { transformation: 'w=7', onUpload: false });
  await client.settings.change({ settings: { sourceHosts: [`${slug}.example.org`] } });
  const person = await send<{ id: string }>(node, secret, 'POST', '/v1/people', {
    email: `somebody@${slug}.example.org`,
    role: 'owner',
  });
  const upload = await beginUpload(node, secret);
  const events = await until('its log to be sealed', async () => {
    const page = await client.audit.page({ limit: 500 });
    return page.events.some(({ type }) => type === 'person.invited') && page.events;
  });
  return {
    secret,
    key,
    image: image.id,
    lastImage: image.id,
    webhook: webhook.id,
    preset,
    upload,
    person: person.id,
    erasure,
    marks: [
      ...[tenantId, secret, key, first.id, image.id, webhook.id, webhook.secret, person.id, upload, erasure],
      ...[`${slug}-secret-name`, `tag-of-${slug}`, preset, `key of ${slug}`, `${slug}.example.org`],
      ...events.map(({ id }) => id),
    ],
  };
}

/** A resumable upload of which nothing has come yet. */
async function beginUpload(node: Safelight, secret: string): Promise<string> {
  const response = await fetch(`${node.url}/v1/uploads`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'tus-resumable': '1.0.0', 'upload-length': '1000' },
  });
  if (response.status !== 201) throw new Error(`an upload could not be begun: ${await response.text()}`);
  return response.headers.get('location')?.split('/').at(-1) ?? '';
}

/** Everything of a tenant that somebody else could have changed. */
async function viewOf(node: Safelight, client: SafelightClient, own: Belongings): Promise<unknown> {
  const images: unknown[] = [];
  for await (const image of client.images.list()) images.push(image);
  const keys = await send<{ keys: { id: string; lastUsedAt?: string }[] }>(node, own.secret, 'GET', '/v1/keys');
  return {
    images,
    keys: keys.keys.map(({ lastUsedAt: _, ...key }) => key),
    people: await send(node, own.secret, 'GET', '/v1/people'),
    // A receiver that does not exist fails by itself.
    webhooks: (await client.webhooks.list()).map(({ failingSince: _, ...webhook }) => webhook),
    presets: await client.presets.list(),
    settings: await client.settings.get(),
    upload: await send(node, own.secret, 'GET', `/v1/uploads/${own.upload}`),
    budget: await send(node, own.secret, 'GET', '/v1/budget'),
  };
}

async function send<T>(node: Safelight, key: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${node.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}
