import type { Queryable } from '../db/database.ts';
import { insertLooks } from './looks.sql.ts';
import type { Looks } from './looks.ts';

/** Stores what an original looks like; the caller holds the original. */
export async function keepLooks(tx: Queryable, tenantId: string, originalId: string, looks: Looks): Promise<void> {
  await tx.query(insertLooks, [
    tenantId,
    originalId,
    looks.palette,
    Buffer.from(looks.thumbhash, 'base64'),
    looks.blurhash,
    Buffer.from(looks.perceptualHash, 'hex'),
    looks.opaque,
  ]);
}
