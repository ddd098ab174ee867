import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import {
  finishIdempotencyKey,
  IdempotencyKeyLostError,
  releaseIdempotencyKey,
  renewIdempotencyKey,
  sweepIdempotencyKeys,
  takeIdempotencyKey,
} from './idempotency.ts';

const LEASE_SECONDS = 30;
const FINGERPRINT = randomBytes(32);

describe.each([18, 15] as const)('an Idempotency-Key, on PostgreSQL %i', (major) => {
  let test: TestDatabase;
  let a: string;
  let b: string;
  beforeAll(async () => {
    test = await createTestDatabase(major);
    ({ a, b } = test.tenants);
  });
  afterAll(() => test.close());

  const take = (key: string, tenantId = a) => takeIdempotencyKey(test.database, tenantId, key, LEASE_SECONDS);
  const finish = (key: string, token: number, answer: unknown = { id: key }) =>
    test.database.asTenant(a, (tx) => finishIdempotencyKey(tx, a, key, token, { fingerprint: FINGERPRINT, answer }));
  const release = (key: string, token: number) => releaseIdempotencyKey(test.database, a, key, token);
  /** As if that much time had passed, or the clock had been set back by it. */
  const age = (key: string, interval: string) =>
    test.database.query(
      `UPDATE idempotency_keys SET lease_until = lease_until - $2::interval, created_at = created_at - $2::interval
       WHERE idempotency_key = $1`,
      [key, interval],
    );

  it('is taken by one, however many come at once', async () => {
    const states = await Promise.all(Array.from({ length: 8 }, () => take('crowd')));
    expect(states.filter(({ state }) => state === 'taken')).toHaveLength(1);
    for (const state of states) {
      if (state.state === 'running') expect(state.retryAfterSeconds).toBeGreaterThan(0);
    }
  });

  it('gives the first answer again once it is finished', async () => {
    expect(await take('done')).toEqual({ state: 'taken', token: 1 });
    await finish('done', 1);
    const again = await take('done');
    expect(again).toMatchObject({ state: 'finished', answer: { id: 'done' } });
    expect(again.state === 'finished' && Buffer.from(again.fingerprint).equals(FINGERPRINT)).toBe(true);
  });

  it('is another key of another tenant', async () => {
    expect((await take('same')).state).toBe('taken');
    expect((await take('same', b)).state).toBe('taken');
  });

  it('is free again when the attempt that held it gave it back', async () => {
    expect(await take('given-back')).toEqual({ state: 'taken', token: 1 });
    await release('given-back', 1);
    expect((await take('given-back')).state).toBe('taken');
  });

  it('stays finished when its release comes too late', async () => {
    await take('late');
    await finish('late', 1);
    await release('late', 1);
    expect((await take('late')).state).toBe('finished');
  });

  it('is taken over when its lease has run out, and then the first attempt can neither finish nor release it', async () => {
    await take('expired');
    await age('expired', '31 seconds');
    expect(await take('expired')).toEqual({ state: 'taken', token: 2 });
    await expect(finish('expired', 1)).rejects.toThrow(IdempotencyKeyLostError);
    await release('expired', 1);
    expect((await take('expired')).state).toBe('running');
    await finish('expired', 2);
    expect((await take('expired')).state).toBe('finished');
  });

  it('is held as long as it is renewed by the attempt that has it', async () => {
    await take('renewed');
    for (let renewal = 0; renewal < 3; renewal += 1) {
      await age('renewed', '20 seconds');
      await renewIdempotencyKey(test.database, a, 'renewed', 1, LEASE_SECONDS);
      expect((await take('renewed')).state).toBe('running');
    }
    await age('renewed', '31 seconds');
    expect(await take('renewed')).toEqual({ state: 'taken', token: 2 });
    await age('renewed', '31 seconds');
    await renewIdempotencyKey(test.database, a, 'renewed', 1, LEASE_SECONDS);
    expect(await take('renewed')).toEqual({ state: 'taken', token: 3 });
  });

  it('is not frozen by a clock that was set back', async () => {
    await take('future');
    await age('future', '-1 day');
    expect((await take('future')).state).toBe('taken');
  });

  it('is forgotten after 24 hours', async () => {
    await take('old');
    await finish('old', 1);
    await age('old', '23 hours 59 minutes');
    await sweepIdempotencyKeys(test.database);
    expect((await take('old')).state).toBe('finished');
    await age('old', '2 minutes');
    expect(await take('old')).toEqual({ state: 'taken', token: 2 });
    await finish('old', 2);
    await age('old', '25 hours');
    await sweepIdempotencyKeys(test.database);
    const rows = await test.database.query(`SELECT FROM idempotency_keys WHERE idempotency_key = 'old'`);
    expect(rows).toEqual([]);
  });
});
