import type { Queryable } from '../db/database.ts';
import { hotStatement } from '../db/statement.ts';

// Comes before a tenant is known: by the index over the id alone, as the system. It tells whose an image is and nothing
// of the image; whatever follows sees that tenant's rows alone.
const selectOwner = hotStatement('select_image_owner', 'SELECT tenant_id FROM images WHERE image_id = $1 LIMIT 2');

/** The tenant that an image belongs to, or undefined when there is no such image. */
export async function findTenantOfImage(database: Queryable, imageId: string): Promise<string | undefined> {
  const [owner, another] = await database.query<{ tenant_id: string }>(selectOwner, [imageId]);
  // Ids are random: two tenants have one by accident never, and by somebody's doing not with our help.
  return another ? undefined : owner?.tenant_id;
}
