import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { Receiver } from '../../../../test/support/receiver.ts';
import { until } from '../../../../test/support/until.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { eraseImage, getErasure } from '../erasure/index.ts';
import type { Sealer } from '../events/index.ts';
import { acceptImage } from '../images/index.ts';
import { enqueueMany } from '../jobs/index.ts';
import { fetchesOutside } from '../outbound/index.ts';
import { putPreset } from '../presets/index.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { beginTenantDeletion, getTenant, resumeTenant, suspendTenant } from '../tenants/index.ts';
import { createWebhook, testWebhook } from '../webhooks/index.ts';
import type { Background } from './background.ts';
import { startEraser } from './eraser.ts';
import { startPresetKeeper } from './preset-keeper.ts';
import { startTenantKeeper } from './tenant-keeper.ts';
import { startWebhooker } from './webhooker.ts';

/** Nothing here is found by looking for it. */
const NEVER_MS = 3_600_000;
/** Long enough for every role to have found nothing and to rest. */
const REST_MS = 2_500;

describe('who rests is told of', () => {
  let log: TestLog;
  let sealer: Sealer;
  let receiver: Receiver;
  let roles: Background[];
  let tenant: string;
  beforeAll(async () => {
    log = await createTestLog();
    receiver = await Receiver.start();
    tenant = log.tenants.a;
    const common = {
      ...{ database: log.database, store: log.store, clock: systemClock, metrics: createMetrics() },
      ...{ log: pino({ level: 'silent' }), pollMs: NEVER_MS },
    };
    roles = [
      startEraser({ ...common, key: async () => log.key }),
      startPresetKeeper(common),
      startWebhooker({ ...common, outside: fetchesOutside({ opened: ['127.0.0.0/8'] }) }),
      startTenantKeeper({ ...common, settleMs: 0 }),
    ];
    sealer = log.startSealer();
    await rest();
  });
  afterAll(async () => {
    await Promise.all(roles.map((role) => role.stop()));
    await receiver.close();
    await sealer.stop();
    await log.close();
  });

  const rest = () => new Promise((resolve) => setTimeout(resolve, REST_MS));
  const act = () => ({ tenantId: tenant, actor: 'operator' });

  it('a deletion that is to be signed', async () => {
    const upload = uploadOf(tenant, randomBytes(8));
    await log.store.put(upload.objectKey, randomBytes(8));
    const { image } = await acceptImage(log.database, systemClock, upload);
    const { imageId } = image;
    const lookup = await eraseImage(log.database, systemClock, { tenantId: tenant, imageId, actor: 'test' });
    if (lookup.state !== 'found') throw new Error(`the image is ${lookup.state}`);
    const { erasureId } = lookup.value;
    await until('its receipt is signed', async () => (await getErasure(log.database, tenant, erasureId))?.receipt);
  });

  it('a preset that has changed', async () => {
    const wish = { transformation: 'fit=max&w=77', onUpload: true };
    await log.database.asTenant(tenant, (tx) => putPreset(tx, systemClock, { ...act(), name: 'hero' }, wish));
    const sql = 'SELECT FROM presets WHERE tenant_id = $1 AND finished_at IS NOT NULL';
    await until('its pass is over', async () => (await log.database.query(sql, [tenant])).length === 1);
  });

  it('a webhook, where there was none', async () => {
    const wanted = { url: receiver.urlOf('/new'), description: '', eventTypes: ['job.retried' as const] };
    const { webhook } = await log.database.asTenant(tenant, (tx) => createWebhook(tx, systemClock, act(), wanted));
    await log.record(tenant, 1);
    await until('it is told', () => receiver.at('/new').length === 1);
    await log.database.asTenant(tenant, (tx) => testWebhook(tx, systemClock, act(), webhook.webhookId));
    await until('it is tested', () => receiver.at('/new').length === 2);
  });

  it('a tenant that is suspended, resumed or deleted', async () => {
    const states = async () => {
      const sql = 'SELECT DISTINCT state FROM jobs WHERE tenant_id = $1';
      return (await log.database.query<{ state: string }>(sql, [tenant])).map(({ state }) => state).join();
    };
    const [original = ''] = await insertOriginals(log.database, tenant, 1);
    await enqueueMany(log.database, [newJob(tenant, original)]);
    await log.database.transaction((tx) => suspendTenant(tx, systemClock, act(), true));
    await until('its jobs are held', async () => (await states()) === 'held');
    await rest();
    await log.database.transaction((tx) => resumeTenant(tx, systemClock, act()));
    await until('they go on', async () => (await states()) === 'queued');
    await rest();
    await log.database.transaction((tx) => beginTenantDeletion(tx, systemClock, act()));
    await until('it is gone', async () => (await getTenant(log.database, tenant))?.status === 'deleted');
    expect(await states()).toBe('');
  });
});
