import type { Database, Queryable, Transaction } from '../db/database.ts';
import {
  amendAnswer,
  blankAnswersOf,
  deleteOldKeys,
  finishKey,
  releaseKey,
  renewKey,
  selectKeyState,
  takeKey,
} from './idempotency.sql.ts';

/** What stands under an Idempotency-Key when a request comes with it. */
export type KeyState =
  /** This request holds the key; it finishes or releases it. */
  | { readonly state: 'taken'; readonly token: number }
  /** Another request with it is still running. */
  | { readonly state: 'running'; readonly retryAfterSeconds: number }
  /** It was answered; the same request gets the same answer. */
  | { readonly state: 'finished'; readonly fingerprint: Uint8Array; readonly answer: unknown }
  /** It was answered, with an image that is erased now. */
  | { readonly state: 'erased' };

/** The attempt lost its key to a later one, because it took longer than its lease: its transaction must not commit. */
export class IdempotencyKeyLostError extends Error {
  override readonly name = 'IdempotencyKeyLostError';
}

/**
 * Takes an Idempotency-Key for a request, before its body is read. The row is leased: when the node dies, the key is
 * free again after `leaseSeconds`, so whoever holds it renews it meanwhile.
 */
export async function takeIdempotencyKey(
  database: Database,
  tenantId: string,
  key: string,
  leaseSeconds: number,
): Promise<KeyState> {
  return database.asTenant(tenantId, async (tx) => {
    const [taken] = await tx.query<{ token: number }>(takeKey, [tenantId, key, leaseSeconds]);
    if (taken) return { state: 'taken', token: taken.token };
    const [row] = await tx.query<{
      state: string;
      fingerprint: Uint8Array | null;
      answer: unknown;
      lease_seconds: number;
    }>(selectKeyState, [tenantId, key]);
    if ((row?.answer as { erased?: unknown } | null | undefined)?.erased === true) return { state: 'erased' };
    if (row?.state === 'finished' && row.fingerprint) {
      return { state: 'finished', fingerprint: row.fingerprint, answer: row.answer };
    }
    return { state: 'running', retryAfterSeconds: Math.max(1, Math.min(5, Math.ceil(row?.lease_seconds ?? 1))) };
  });
}

/** Holds the key for another `leaseSeconds`, unless it was finished, released or taken over. */
export async function renewIdempotencyKey(
  database: Database,
  tenantId: string,
  key: string,
  token: number,
  leaseSeconds: number,
): Promise<void> {
  await database.asTenant(tenantId, (tx) => tx.query(renewKey, [tenantId, key, token, leaseSeconds]));
}

/**
 * Keeps the first answer under the key, in the transaction of what it answers for.
 * @throws IdempotencyKeyLostError when a later attempt holds the key.
 */
export async function finishIdempotencyKey(
  tx: Transaction,
  tenantId: string,
  key: string,
  token: number,
  finished: { readonly fingerprint: Uint8Array; readonly answer: unknown },
): Promise<void> {
  const values = [tenantId, key, token, finished.fingerprint, JSON.stringify(finished.answer)];
  if ((await tx.query(finishKey, values)).length === 0)
    throw new IdempotencyKeyLostError(`the key ${key} was taken over`);
}

/** The first request waited before it was answered: repeats get what it was told in the end. */
export async function amendIdempotencyAnswer(
  database: Database,
  tenantId: string,
  key: string,
  token: number,
  answer: unknown,
): Promise<void> {
  const values = [tenantId, key, token, JSON.stringify(answer)];
  await database.asTenant(tenantId, (tx) => tx.query(amendAnswer, values));
}

/** Takes what was answered of an image out of the answers that are kept. @returns how many there were. */
export async function blankAnswers(tx: Transaction, tenantId: string, imageId: string): Promise<number> {
  return (await tx.query(blankAnswersOf, [tenantId, imageId])).length;
}

/** Gives the key back after a request that had no effect: a repeat may succeed. */
export async function releaseIdempotencyKey(
  database: Database,
  tenantId: string,
  key: string,
  token: number,
): Promise<void> {
  await database.asTenant(tenantId, (tx) => tx.query(releaseKey, [tenantId, key, token]));
}

/** Drops what is older than 24 hours: answers then are no longer given again. */
export async function sweepIdempotencyKeys(database: Queryable): Promise<void> {
  await database.query(deleteOldKeys);
}
