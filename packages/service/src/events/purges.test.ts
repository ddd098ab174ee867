import { afterEach, beforeEach, expect, it } from 'vitest';
import { TENANT_A, TENANT_B } from '../../../../test/support/database.ts';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { systemClock } from '../core/clock.ts';
import { finishPurges, type Purges, readPurges, releasePurges } from './purges.ts';
import { recordEvents } from './record.ts';

let log: TestLog;
beforeEach(async () => {
  log = await createTestLog();
});
afterEach(() => log.close());

async function remove(tenantId: string, ...imageIds: string[]): Promise<void> {
  const data = { originalId: 'orig_1', originalDeleted: true, renditions: 0 };
  const common = { tenantId, type: 'image.deleted', actor: 'system', data } as const;
  const events = imageIds.map((imageId) => ({ ...common, imageId, subject: imageId }));
  await log.database.transaction((tx) => recordEvents(tx, systemClock, events));
  await log.sealAll();
}

async function read(holder = 'one', ageMsMin = 0): Promise<Purges> {
  const purges = await readPurges(log.database, ageMsMin > 0 ? 'settled' : 'at_once', holder, ageMsMin);
  if (!purges) throw new Error(`${holder} does not hold the lease`);
  return purges;
}
const images = ({ stale }: Purges) => stale.map(({ imageId }) => imageId);

it('begins at the end of the log: nobody was there to be told before', async () => {
  await remove(TENANT_A, 'img_old');
  expect((await read()).stale).toEqual([]);
});

it('tells of all tenants in order, skips what makes nothing stale, and repeats what was not finished', async () => {
  await read();
  await log.record(TENANT_A, 3);
  await remove(TENANT_A, 'img_1');
  await remove(TENANT_B, 'img_2');
  await log.record(TENANT_A, 2);
  await log.sealAll();
  const purges = await read();
  expect(purges.stale).toEqual([
    { tenantId: TENANT_A, imageId: 'img_1' },
    { tenantId: TENANT_B, imageId: 'img_2' },
  ]);
  expect(images(await read())).toEqual(['img_1', 'img_2']);
  await finishPurges(log.database, purges);
  const rest = await read();
  expect([rest.stale, rest.after, rest.isMore]).toEqual([[], purges.upTo, false]);
});

it('reads a long list in parts without leaving anything out', async () => {
  await read();
  const ids = Array.from({ length: 230 }, (_, index) => `img_${index}`);
  await remove(TENANT_A, ...ids);
  const told: (string | undefined)[] = [];
  for (let isMore = true; isMore; ) {
    const purges = await read();
    told.push(...images(purges));
    isMore = purges.isMore;
    await finishPurges(log.database, purges);
  }
  expect(told).toEqual(ids);
});

it('waits with what is younger than it is asked for, and says for how long', async () => {
  await read('one', 60_000);
  await remove(TENANT_A, 'img_1');
  const purges = await read('one', 60_000);
  expect(purges.stale).toEqual([]);
  expect(purges.nextDueMs).toBeGreaterThan(50_000);
  expect(purges.nextDueMs).toBeLessThanOrEqual(60_000);
  await finishPurges(log.database, purges);
  await log.tamper(`UPDATE events SET at = at - interval '2 minutes'`);
  expect(images(await read('one', 60_000))).toEqual(['img_1']);
});

it('is read by one holder at a time, by the next when the first lets go or has died', async () => {
  await read('one');
  expect(await readPurges(log.database, 'at_once', 'two', 0)).toBeUndefined();
  await releasePurges(log.database, 'one');
  await read('two');
  expect(await readPurges(log.database, 'at_once', 'one', 0)).toBeUndefined();
  await log.tamper(`UPDATE purge_cursors SET lease_until = now() - interval '1 s'`);
  await read('one');
  // A clock that was set back must not make a lease last for ever.
  await log.tamper(`UPDATE purge_cursors SET lease_until = now() + interval '1 day'`);
  await read('two');
});

it('does not go back when a holder that was late finishes after its successor', async () => {
  await read('one');
  await remove(TENANT_A, 'img_1');
  const late = await read('one');
  await releasePurges(log.database, 'one');
  await remove(TENANT_A, 'img_2');
  const successor = await read('two');
  await finishPurges(log.database, successor);
  await finishPurges(log.database, late);
  expect((await read('two')).stale).toEqual([]);
});
