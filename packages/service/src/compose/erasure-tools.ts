import type { SignedReceipt } from '@safelight/contract';
import type { Config } from '../config.ts';
import { type Erasure, getErasure, listErasures, type ReceiptFindings, verifyReceipt } from '../erasure/index.ts';
import { openObjectStore } from './object-store.ts';
import { trustedKeys } from './sealing.ts';
import { tenantNamed, withDatabase } from './tools.ts';

const PAGE_ERASURES = 500;

/** Looks whether anything is left of what a receipt says is gone, while nodes run or not. */
export async function verifyErasure(config: Config, document: unknown): Promise<ReceiptFindings> {
  const store = await openObjectStore(config);
  const publicKeys = await trustedKeys(config, store);
  return withDatabase(config, (database) => verifyReceipt({ database, store, publicKeys }, document));
}

/** What was erased of a tenant, the newest first; of a deleted one too, whose keys open nothing any more. */
export function readErasures(config: Config, tenantSlug: string): Promise<Erasure[]> {
  return withDatabase(config, async (database) => {
    const { tenantId } = await tenantNamed(database, tenantSlug);
    const erasures: Erasure[] = [];
    for (;;) {
      const page = await listErasures(database, tenantId, { after: erasures.at(-1)?.erasureId, limit: PAGE_ERASURES });
      erasures.push(...page);
      if (page.length < PAGE_ERASURES) return erasures;
    }
  });
}

/** The receipt of an erasure; undefined until it is signed, or when there is no such erasure. */
export function readReceipt(config: Config, tenantSlug: string, erasureId: string): Promise<SignedReceipt | undefined> {
  return withDatabase(config, async (database) => {
    const { tenantId } = await tenantNamed(database, tenantSlug);
    return (await getErasure(database, tenantId, erasureId))?.receipt;
  });
}
