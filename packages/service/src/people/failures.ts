import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Database, Queryable, Transaction } from '../db/database.ts';
import { COUNT_TRY, FORGIVE_ACCOUNT, FORGIVE_TRY, READ_LOCK, SWEEP_FAILURES } from './failures.sql.ts';

interface Lockout {
  /** With this failure the locking begins. */
  readonly failuresFree: number;
  readonly secondsMin: number;
  /** An attacker has so much less than a hundred tries a day; the owner of the account waits no longer than that. */
  readonly secondsMax: number;
}

const OF_ACCOUNT: Lockout = { failuresFree: 5, secondsMin: 1, secondsMax: 900 };
/** Many people may share one address. */
const OF_ADDRESS: Lockout = { failuresFree: 50, secondsMin: 1, secondsMax: 900 };
const FORGET_SECONDS = 24 * 60 * 60;

/** A log-in that is being tried. */
export interface Try {
  readonly email: string;
  /** Where it comes from. */
  readonly address: string;
}

/**
 * Counts a try, of the account whether it is there or not and of the address, in the database: all nodes count together.
 * @returns for how many seconds nothing may be tried; 0: this one may.
 */
export async function countTry(database: Database, one: Try): Promise<number> {
  return database.transaction(async (tx) => {
    // In one order, so that two tries do not wait for each other.
    const ofAddress = await count(tx, digestOfAddress(one.address), OF_ADDRESS);
    return ofAddress > 0 ? ofAddress : count(tx, digestOfAccount(one.email), OF_ACCOUNT);
  });
}

/** Takes the try back, which was none of a stranger. */
export async function forgiveTry(tx: Transaction, one: Try): Promise<void> {
  await tx.query(FORGIVE_TRY, [digestOfAddress(one.address), OF_ADDRESS.failuresFree]);
  await tx.query(FORGIVE_ACCOUNT, [digestOfAccount(one.email)]);
}

export async function sweepFailures(database: Queryable): Promise<void> {
  await database.query(SWEEP_FAILURES, [FORGET_SECONDS]);
}

async function count(tx: Transaction, digest: Uint8Array, lockout: Lockout): Promise<number> {
  const { failuresFree, secondsMin, secondsMax } = lockout;
  const [counted] = await tx.query(COUNT_TRY, [digest, failuresFree, secondsMin, secondsMax, FORGET_SECONDS]);
  if (counted) return 0;
  const [lock] = await tx.query<{ seconds: number | string }>(READ_LOCK, [digest]);
  return Math.max(1, Math.ceil(Number(lock?.seconds ?? 1)));
}

function digestOfAccount(email: string): Uint8Array {
  return createHash('sha256').update(`account ${email}`).digest();
}

/** Of IPv6 the network: one household has 2^64 addresses. */
function digestOfAddress(address: string): Uint8Array {
  const network = isIPv6(address) && !address.startsWith('::ffff:') ? networkOf(address) : address;
  return createHash('sha256').update(`address ${network}`).digest();
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...(tail === undefined ? [] : zeros), ...right].slice(0, 4).join(':');
}
