import { type ErrorCode, errorEntry, ROUTES, type RouteId } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photo } from '../../scripts/make-pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { createWorld, type World } from '../support/walls.ts';

/**
 * Every route of the contract, asked by tenant A with what belongs to B: its ids, its cursors, its signatures, its
 * Idempotency-Keys, its secrets in places of ids. A new route does not compile until it has its row here.
 */
interface Walk {
  readonly path: (world: World) => string;
  readonly body?: (world: World) => unknown;
  readonly headers?: (world: World) => Record<string, string>;
  /** Codes of which one must be the answer; absent: A's own, in which nothing of B may stand. */
  readonly refused?: readonly ErrorCode[];
}
/** Of a route that knows no tenant, or none by what a request says: why it cannot be walked. */
type Unwalked = string;

const OPERATOR = 'the operator’s: a key of a tenant never opens it (walked below)';
const PERSON = 'by a person’s cookie or a one-time secret; walked in people.test.ts';
const ALL = 'the same for everybody';
const at = (path: string, refused?: readonly ErrorCode[]): Walk => ({ path: () => path, ...(refused && { refused }) });
const image = (rest = ''): Walk => ({ path: (w) => `/v1/images/${w.b.image}${rest}`, refused: ['image_not_found'] });
const upload = (rest = ''): Walk => ({
  path: (w) => `/v1/uploads/${w.b.upload}${rest}`,
  headers: () => ({
    'tus-resumable': '1.0.0',
    'upload-offset': '0',
    'content-type': 'application/offset+octet-stream',
  }),
  refused: ['upload_not_found'],
});
const webhook = (rest = '', body?: unknown): Walk => ({
  path: (w) => `/v1/webhooks/${w.b.webhook}${rest}`,
  ...(body !== undefined && { body: () => body }),
  refused: ['webhook_not_found'],
});

const WALKS: Readonly<Record<RouteId, Walk | Unwalked>> = {
  uploadExercise: 'serves the one tenant that the operator named',
  createImage: {
    path: () => '/v1/images?filename=a.png',
    headers: () => ({ 'idempotency-key': 'of-b', 'content-type': 'image/png' }),
    body: (w) => w.picture,
  },
  listImages: { path: (w) => `/v1/images?after=${w.b.lastImage}&limit=200` },
  getImage: image(),
  changeImage: { ...image(), body: () => ({ tags: [] }) },
  deleteImage: image(),
  restoreImage: image('/restore'),
  listErasures: { path: (w) => `/v1/erasures?after=${w.b.erasure}` },
  getErasure: { path: (w) => `/v1/erasures/${w.b.erasure}`, refused: ['erasure_not_found'] },
  followImage: image('/events'),
  explainRendition: image('/explain?w=100'),
  createDeliveryToken: 'names nothing of anybody; what a token of A opens of B is walked in private.test.ts',
  openDeliveries: 'as above',
  listDomains: at('/v1/domains'),
  putDomain: 'names nothing of anybody',
  removeDomain: 'a host is the same for everybody; whose it is is walked in domains.test.ts',
  deliverPreset: { path: (w) => `/i/a/${w.b.image}/small`, refused: ['image_not_found'] },
  deliverOpen: {
    // Signed by A's own key, and by B's for a picture of A: neither opens what it is not for.
    path: (w) => w.signedByB,
    refused: ['signature_invalid'],
  },
  iiifBase: 'leads to info.json, which is walked',
  iiifInfo: 'public by the tenant’s own setting',
  iiifImage: 'public by the tenant’s own setting',
  purge: { path: (w) => `/v1/purge?image=${w.b.image}`, refused: ['image_not_found'] },
  createUpload: 'names nothing of anybody; what it makes is walked',
  getUpload: upload(),
  appendUpload: upload(),
  endUpload: upload(),
  createUploadToken: 'names nothing of anybody; a token of B opens B’s uploads alone (uploads.test.ts)',
  createDirectUpload: 'names nothing of anybody',
  completeDirectUpload: {
    path: (w) => `/v1/uploads/direct/${w.b.upload}/complete`,
    refused: ['upload_not_found', 'direct_upload_unsupported'],
  },
  getUsage: at('/v1/usage'),
  listUsageEvents: at('/v1/usage/events'),
  getBudget: at('/v1/budget'),
  getLimits: at('/v1/limits'),
  putBudget: 'names nothing of anybody',
  createKey: 'names nothing of anybody',
  listKeys: { path: (w) => `/v1/keys?after=${w.b.key}` },
  rotateKey: { path: (w) => `/v1/keys/${w.b.key}/rotate`, body: () => ({}), refused: ['key_not_found'] },
  revokeKey: { path: (w) => `/v1/keys/${w.b.key}`, refused: ['key_not_found'] },
  listPeople: { path: (w) => `/v1/people?after=${w.b.person}` },
  invitePerson: 'names nothing of anybody',
  changePerson: {
    path: (w) => `/v1/people/${w.b.person}`,
    body: () => ({ role: 'viewer' }),
    refused: ['person_not_found'],
  },
  removePerson: { path: (w) => `/v1/people/${w.b.person}`, refused: ['person_not_found'] },
  createWebhook: 'names nothing of anybody',
  listWebhooks: at('/v1/webhooks'),
  getWebhook: webhook(),
  changeWebhook: webhook('', { state: 'disabled' }),
  removeWebhook: webhook(),
  rotateWebhookSecret: webhook('/rotate', {}),
  testWebhook: webhook('/test'),
  listWebhookDeliveries: webhook('/deliveries'),
  redeliverWebhook: webhook('/redeliver', { since: '2020-01-01T00:00:00Z' }),
  listPresets: at('/v1/presets'),
  getPreset: { path: (w) => `/v1/presets/${w.b.preset}`, refused: ['preset_not_found'] },
  putPreset: 'names nothing of anybody',
  removePreset: { path: (w) => `/v1/presets/${w.b.preset}`, refused: ['preset_not_found'] },
  getSettings: at('/v1/settings?tenant=b'),
  // It is A's own that change; B's stand in the snapshot.
  changeSettings: { path: () => '/v1/settings?tenant=b', body: () => ({ settings: { trashDays: 1 }, iiif: 'tiles' }) },
  listAudit: { path: (w) => `/v1/audit?limit=500&order=asc&image=${w.b.image}` },
  exportAudit: at('/v1/audit/export'),
  listNodes: OPERATOR,
  getScaling: OPERATOR,
  getScalingMetric: OPERATOR,
  createTenant: OPERATOR,
  listTenants: OPERATOR,
  getTenant: OPERATOR,
  changeTenant: OPERATOR,
  suspendTenant: OPERATOR,
  resumeTenant: OPERATOR,
  deleteTenant: OPERATOR,
  listPlans: OPERATOR,
  putPlan: OPERATOR,
  session: PERSON,
  readSession: PERSON,
  switchSession: PERSON,
  endSession: PERSON,
  waysIn: ALL,
  changePassword: PERSON,
  acceptInvitation: PERSON,
  startOidc: PERSON,
  finishOidc: PERSON,
  health: ALL,
  readiness: ALL,
  metrics: 'names no tenant (asserted below)',
};

let node: Safelight;
let world: World;

beforeAll(async () => {
  node = await Safelight.start();
  world = await createWorld(node, await photo(300, 200).png().toBuffer());
});
afterAll(() => node.close());

async function ask(key: string, id: RouteId, walk: Walk): Promise<{ status: number; text: string; url: string }> {
  const url = `${node.url}${walk.path(world)}`;
  const body = walk.body?.(world);
  const isBytes = body instanceof Uint8Array;
  const response = await fetch(url, {
    method: ROUTES[id].method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && !isBytes && { 'content-type': 'application/json' }),
      ...walk.headers?.(world),
    },
    ...(body !== undefined && { body: isBytes ? Uint8Array.from(body) : JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text(), url };
}

const walked = (Object.entries(WALKS) as [RouteId, Walk | Unwalked][]).flatMap(([id, walk]) =>
  typeof walk === 'string' ? [] : [[id, walk] as const],
);

describe('with what belongs to B, tenant A', () => {
  it.each(walked)('gets nothing by %s', async (id, walk) => {
    const { status, text, url } = await ask(world.a.secret, id, walk);
    if (walk.refused) {
      const codes = walk.refused.map((code) => [code, errorEntry(code).status]);
      const code = (JSON.parse(text || '{}') as { code?: string }).code;
      expect(codes, text).toContainEqual([code, status]);
    } else {
      expect(status, text).toBeLessThan(300);
    }
    // What A said itself may come back.
    const told = world.b.marks.filter((mark) => text.includes(mark) && !url.includes(mark));
    expect(told).toEqual([]);
  });

  it('is let in where the same is asked for by B', async () => {
    // Without this, a walk that asks for nonsense would pass.
    const own = walked.filter(([id]) => ROUTES[id].method === 'GET' && !['followImage', 'deliverOpen'].includes(id));
    const refused: string[] = [];
    for (const [id, walk] of own) {
      const path = (w: World) => walk.path(w).replace('/i/a/', '/i/b/');
      const { status, text } = await ask(world.b.secret, id, { ...walk, path });
      if (status >= 400) refused.push(`${id}: ${text}`);
    }
    expect(refused).toEqual([]);
  });

  it('opens nothing of the operator', async () => {
    for (const route of Object.values(ROUTES)) {
      if (route.scope !== 'admin') continue;
      const path = route.path.replaceAll(/\{\w+\}/g, 'b');
      const response = await fetch(`${node.url}${path}`, {
        method: route.method,
        headers: { authorization: `Bearer ${world.a.secret}`, 'content-type': 'application/json' },
        ...(route.method !== 'GET' && { body: '{}' }),
      });
      expect([route.id, response.status]).toEqual([route.id, 403]);
    }
  });

  it('has changed nothing', async () => {
    expect(await world.snapshot()).toEqual(world.before);
  });

  it('is named in no metric', async () => {
    const text = await (await fetch(`${node.url}/metrics`)).text();
    expect(world.b.marks.filter((mark) => text.includes(mark))).toEqual([]);
  });
});

describe('the bytes of B', () => {
  it('are another original when A sends the same', async () => {
    await until('both to be ready', async () => (await world.states()).every((state) => state === 'ready'));
    const etags = await world.etags();
    expect(etags.a).toBe(etags.b);
    await world.removeOfA();
    expect((await world.etags()).b).toBe(etags.b);
  });
});
