import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, TENANT_A, TENANT_B, type TestDatabase } from '../../../../test/support/database.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import type { NewEvent } from './model.ts';
import { recordEvents } from './record.ts';
import { followStale, type Stale } from './stale.ts';

let test: TestDatabase;
let heard: (Stale | undefined)[];
let unfollow: () => void;

beforeAll(async () => {
  test = await createTestDatabase();
  heard = [];
  unfollow = followStale(test.database, (stale) => heard.push(stale));
  await until('the listener says that word may have been lost before it came', () => heard.length === 1);
});
afterAll(async () => {
  unfollow();
  await test.close();
});

const deleted = (tenantId: string, imageId: string): NewEvent => ({
  tenantId,
  imageId,
  subject: imageId,
  type: 'image.deleted',
  actor: 'system',
  data: { originalId: 'orig_1', originalDeleted: true, renditions: 3 },
});
const record = (...events: NewEvent[]) => test.database.transaction((tx) => recordEvents(tx, systemClock, events));
const heardOf = (imageId: string | undefined) =>
  heard.some((stale) => stale !== undefined && stale.imageId === imageId);

it('begins with word that anything may be stale, since nobody listened before', () => {
  expect(heard[0]).toBeUndefined();
});

it('tells of an image when its deletion commits, and of nothing when it is rolled back', async () => {
  const rollback = test.database.transaction(async (tx) => {
    await recordEvents(tx, systemClock, [deleted(TENANT_A, 'img_kept')]);
    throw new Error('no');
  });
  await expect(rollback).rejects.toThrow('no');
  await record(deleted(TENANT_A, 'img_1'));
  await until('the deletion is heard of', () => heardOf('img_1'));
  expect(heard.at(-1)).toEqual({ tenantId: TENANT_A, imageId: 'img_1' });
  expect(heardOf('img_kept')).toBe(false);
});

it('tells of the whole tenant when what its URLs may ask for changes', async () => {
  await record({
    tenantId: TENANT_B,
    subject: TENANT_B,
    type: 'tenant.changed',
    actor: 'system',
    data: { unsignedUrls: 'presets' },
  });
  await until('the change is heard of', () => heardOf(undefined));
  expect(heard.at(-1)).toEqual({ tenantId: TENANT_B, imageId: undefined });
});

it('tells of more than one notification holds', async () => {
  const ids = Array.from({ length: 450 }, (_, index) => `img_${String(index).padStart(26, '0')}`);
  await record(...ids.map((id) => deleted(TENANT_A, id)));
  await until('all are heard of', () => ids.every(heardOf));
});
