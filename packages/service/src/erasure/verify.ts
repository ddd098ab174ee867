import type { KeyObject } from 'node:crypto';
import { type Receipt, signedReceiptSchema } from '@safelight/contract';
import type { Queryable } from '../db/database.ts';
import { signatureCheck } from '../events/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { receiptBytes } from './receipt.ts';
import { tablesToEmpty } from './tables.ts';
import { selectLeftOfImage, selectLeftOfTenant, selectNaming } from './verify.sql.ts';

export interface ReceiptFindings {
  /** Undefined when it is no receipt. */
  readonly receipt: Receipt | undefined;
  readonly keyId: string | undefined;
  /** What contradicts it, a sentence each; empty when it holds. */
  readonly findings: readonly string[];
  readonly objectsChecked: number;
}

/** Of a tenant's prefix, this many are told. */
const TOLD_MAX = 100;
const STATS_AT_ONCE = 16;

/**
 * Looks whether a receipt was signed by a trusted key, and whether the database and the object store have anything of
 * what it says is gone.
 */
export async function verifyReceipt(
  deps: {
    readonly database: Queryable;
    readonly store: Pick<ObjectStore, 'stat' | 'list'>;
    readonly publicKeys: readonly KeyObject[];
  },
  document: unknown,
): Promise<ReceiptFindings> {
  const parsed = signedReceiptSchema.safeParse(document);
  if (!parsed.success) {
    const findings = ['it is no receipt of an erasure'];
    return { receipt: undefined, keyId: undefined, findings, objectsChecked: 0 };
  }
  const { receipt, keyId, signature } = parsed.data;
  const isSigned = signatureCheck(deps.publicKeys);
  if (!isSigned(keyId, receiptBytes(receipt), Buffer.from(signature, 'base64'))) {
    // What it says is somebody's word: it is not looked after.
    return { receipt, keyId, findings: [`it is not signed by a trusted key (${keyId})`], objectsChecked: 0 };
  }
  const left = receipt.scope === 'image' ? await leftOfImage(deps, receipt) : await leftOfTenant(deps, receipt);
  const findings = left.map((what) => `there is still ${what}`);
  return { receipt, keyId, findings, objectsChecked: receipt.objectKeys?.length ?? 0 };
}

async function leftOfImage(
  { database, store }: { readonly database: Queryable; readonly store: Pick<ObjectStore, 'stat'> },
  { tenantId, imageId, events, objectKeys = [] }: Receipt,
): Promise<string[]> {
  const values = [tenantId, imageId ?? null, events.positions ?? []];
  const rows = await database.query<{ what: string }>(selectLeftOfImage, values);
  const naming = await database.query<{ key: string; what: string }>(selectNaming, [objectKeys]);
  const left = [...rows.map(({ what }) => what), ...naming.map(({ key, what }) => `${what}, which names ${key}`)];
  for (let at = 0; at < objectKeys.length; at += STATS_AT_ONCE) {
    const keys = objectKeys.slice(at, at + STATS_AT_ONCE);
    const found = await Promise.all(keys.map(async (key) => ((await store.stat(key)) ? [`the object ${key}`] : [])));
    left.push(...found.flat());
  }
  return left;
}

async function leftOfTenant(
  { database, store }: { readonly database: Queryable; readonly store: Pick<ObjectStore, 'list'> },
  { tenantId }: Receipt,
): Promise<string[]> {
  const left = (await database.query<{ what: string }>(selectLeftOfTenant, [tenantId])).map(({ what }) => what);
  for (const table of await tablesToEmpty(database)) {
    const [row] = await database.query(`SELECT FROM "${table}" WHERE tenant_id = $1 LIMIT 1`, [tenantId]);
    if (row) left.push(`a row of ${table}`);
  }
  for await (const { key } of store.list(`${tenantId}/`)) {
    left.push(`the object ${key}`);
    if (left.length >= TOLD_MAX) break;
  }
  return left;
}
