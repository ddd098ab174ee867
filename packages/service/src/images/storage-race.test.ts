import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { recordEvent } from '../events/index.ts';
import { claimStorage, foldUsage, readStoredBytes, StorageFullError } from '../usage/index.ts';
import { acceptImage } from './accept.ts';
import { deleteImage } from './delete.ts';

const BYTES = 1_000;

describe('the last byte of a quota', () => {
  let log: TestLog;
  beforeAll(async () => {
    log = await createTestLog();
  });
  afterAll(() => log.close());

  const stored = () => readStoredBytes(log.database, log.tenants.a);
  const send = async (
    storedBytesMax: number | null,
    content: Uint8Array = randomBytes(8),
    tenantId = log.tenants.a,
  ) => {
    const given = uploadOf(tenantId, content);
    const upload = {
      ...given,
      bytes: BYTES,
      facts: { ...given.facts, bytes: BYTES },
      storedBytesMax,
    };
    return (await acceptImage(log.database, systemClock, upload)).image.imageId;
  };
  /** @returns ids of those that were accepted. */
  const race = async (count: number, storedBytesMax: number) => {
    const outcomes = await Promise.allSettled(Array.from({ length: count }, () => send(storedBytesMax)));
    const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(refused.filter((reason) => !(reason instanceof StorageFullError))).toEqual([]);
    return outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  };

  it('is won by exactly one of two that race for it, time after time', async () => {
    for (let round = 0; round < 15; round += 1) {
      const won = await race(2, (await stored()) + BYTES);
      expect(won).toHaveLength(1);
      // Half of the sums are metered, half wait in the log.
      if (round % 2 === 0) {
        await log.sealAll();
        await foldUsage(log.database, systemClock);
      }
    }
  });

  it('is what a crowd stops at, not a byte before nor behind', async () => {
    const before = await stored();
    const won = await race(24, before + 5 * BYTES + 999);
    expect(won).toHaveLength(5);
    expect(await stored()).toBe(before + 5 * BYTES);
  });

  it('is free again when something was deleted, and not taken by the same bytes twice', async () => {
    const content = randomBytes(8);
    const first = await send((await stored()) + BYTES, content);
    const full = await stored();
    await expect(send(full)).rejects.toBeInstanceOf(StorageFullError);
    await send(full, content);
    expect(await stored()).toBe(full);
    for (const imageId of [first, await send(full, content)])
      await deleteImage(log.database, systemClock, { tenantId: log.tenants.a, imageId, actor: 'test' });
  });

  it('is no other tenant’s, and nobody’s who has no limit', async () => {
    const full = await stored();
    await expect(send(full)).rejects.toMatchObject({ limit: full });
    await send(BYTES, randomBytes(8), log.tenants.b);
    await send(null);
  });

  it('is guarded by itself, where transactions wait for each other nowhere else', async () => {
    const { a: tenantId } = log.tenants;
    const before = await stored();
    const store = () =>
      log.database.asTenant(tenantId, async (tx) => {
        await claimStorage(tx, BYTES, before + 3 * BYTES);
        const picture = { format: 'jpeg', width: 1, height: 1, bytes: BYTES, renderMs: 1 };
        const data = { renditionId: 'ren_1', transformation: 'w=1', ...picture, storedBytes: BYTES };
        await recordEvent(tx, systemClock, { tenantId, type: 'rendition.ready', subject: 'r', actor: 'system', data });
      });
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, store));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await stored()).toBe(before + 3 * BYTES);
  });
});
