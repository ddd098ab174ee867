import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { recordEvent } from '../events/index.ts';

interface Purger {
  readonly tenantId: string;
  readonly actor: string;
}

const FIND_IMAGE = statement('purge_find_image', 'SELECT FROM images WHERE tenant_id = $1 AND image_id = $2');

/** Has all caches drop what they hold of an image, deleted or not. @returns false when there never was one. */
export async function purgeImage(
  database: Database,
  clock: Clock,
  { tenantId, actor, imageId }: Purger & { readonly imageId: string },
): Promise<boolean> {
  return database.asTenant(tenantId, async (tx) => {
    if ((await tx.query(FIND_IMAGE, [tenantId, imageId])).length === 0) return false;
    const event = { tenantId, imageId, subject: imageId, actor, data: { scope: 'image' } } as const;
    await recordEvent(tx, clock, { type: 'delivery.purged', ...event });
    return true;
  });
}

/** Has all caches drop what they hold of a tenant. */
export async function purgeTenant(database: Database, clock: Clock, { tenantId, actor }: Purger): Promise<void> {
  const event = { tenantId, subject: tenantId, actor, data: { scope: 'tenant' } } as const;
  await database.asTenant(tenantId, (tx) => recordEvent(tx, clock, { type: 'delivery.purged', ...event }));
}
