import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals } from '../../../../test/support/queue.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { PlacesTakenError } from '../core/tenant-places.ts';
import { renditionDigest } from './digest.ts';
import type { Rendition } from './model.ts';
import { RenditionWaiters } from './waiters.ts';

const LONG_MS = 20_000;

const failed = (renditionId: string): Rendition => ({
  renditionId,
  originalId: 'orig_1',
  transformation: 'w=1',
  digest: renditionDigest('w=1'),
  state: 'failed',
  jobId: undefined,
  made: undefined,
  cause: { code: 'decode_failed', message: 'no picture' },
});

describe('requests that wait for renditions', () => {
  let test: TestDatabase;
  let waiters: RenditionWaiters;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  beforeEach(() => {
    waiters = new RenditionWaiters({ database: test.database, waitersMax: 6 });
  });
  afterAll(() => test.close());

  async function pendingRendition(): Promise<string> {
    const { a } = test.tenants;
    const [originalId = ''] = await insertOriginals(test.database, a, 1);
    const renditionId = newId('rendition', systemClock);
    await test.database.query(
      `INSERT INTO renditions (tenant_id, rendition_id, original_id, transformation, digest, job_id)
       VALUES ($1, $2, $3, 'w=1', $4, 'job_1')`,
      [a, renditionId, originalId, renditionDigest('w=1')],
    );
    return renditionId;
  }
  const wait = (id: string, msMax = LONG_MS, signal?: AbortSignal) => waiters.wait(test.tenants.a, id, msMax, signal);
  /** How long it took, roughly. */
  async function msOf(work: Promise<unknown>): Promise<number> {
    const startedAt = performance.now();
    await work;
    return performance.now() - startedAt;
  }

  it('are woken at once by what ends on this node', async () => {
    const id = await pendingRendition();
    const waiting = [wait(id), wait(id)];
    expect(waiters.count).toBe(2);
    const rendition = failed(id);
    waiters.settle([rendition]);
    expect(await Promise.all(waiting)).toEqual([rendition, rendition]);
    expect(waiters.count).toBe(0);
  });

  it('do not begin to wait for what ended on this node just before, and that once', async () => {
    const id = await pendingRendition();
    waiters.settle([failed(id)]);
    expect(await msOf(wait(id))).toBeLessThan(100);
    expect(await msOf(wait(id, 300))).toBeGreaterThan(250);
  });

  it('learn by asking of what ends on another node, or is deleted', async () => {
    const [ended, deleted] = [await pendingRendition(), await pendingRendition()];
    const waiting = [wait(ended), wait(deleted)];
    const sql = `UPDATE renditions SET state = 'failed', cause_code = 'x' WHERE rendition_id = $1`;
    await test.database.query(sql, [ended]);
    await test.database.query('DELETE FROM renditions WHERE rendition_id = $1', [deleted]);
    expect(await msOf(Promise.all(waiting))).toBeLessThan(LONG_MS / 2);
  });

  it('end when their time is up, when their client goes away, and at the end of the node', async () => {
    const id = await pendingRendition();
    expect(await msOf(wait(id, 50))).toBeLessThan(LONG_MS / 2);
    const gone = new AbortController();
    const waiting = [wait(id, LONG_MS, gone.signal), wait(id)];
    gone.abort();
    await waiting[0];
    await until('one is left', () => waiters.count === 1);
    waiters.close();
    await waiting[1];
    await wait(id);
    expect(waiters.count).toBe(0);
  });

  it('are as many of one tenant as may wait, half of all, and not one more', async () => {
    const id = await pendingRendition();
    const waiting = [wait(id), wait(id), wait(id)];
    await expect(wait(id)).rejects.toThrow(PlacesTakenError);
    const neighbour = new AbortController();
    const other = waiters.wait(test.tenants.b, 'ren_other', LONG_MS, neighbour.signal);
    expect(waiters.count).toBe(4);
    neighbour.abort();
    await other;
    waiters.settle([failed(id)]);
    await Promise.all(waiting);
    waiters.close();
  });

  it('hold no connection to the database', async () => {
    const id = await pendingRendition();
    const waiting = [wait(id), wait(id), wait(id)];
    await until('no connection is in use', () => test.database.counts().total === test.database.counts().idle);
    waiters.close();
    await Promise.all(waiting);
  });
});
