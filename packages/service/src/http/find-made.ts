import type { HttpContext } from './context.ts';
import { type Found, toDeliverable } from './deliverable.ts';
import type { Wanted } from './find-rendition.ts';

/** A rendition if it is made; of one that was not a moment ago, nobody asks the database. */
export async function findMade(context: HttpContext, wanted: Wanted): Promise<Found | undefined> {
  const { tenantId, imageId, transformation } = wanted;
  const { notYet } = context.negotiated;
  const cached = context.deliveries.get(tenantId, imageId, transformation);
  if (cached) return { object: cached, foundIn: 'facts', waitMs: 0 };
  const key = keyOf(wanted);
  if (notYet.has(key)) return undefined;
  const lookup = await context.deliveries.look(tenantId, imageId, transformation);
  const object = toDeliverable(tenantId, imageId, lookup);
  if (object) return { object, foundIn: 'database', waitMs: 0 };
  // Of what is not there for this request, another may see that it is.
  if (lookup.state === 'found') notYet.set(key, true);
  return undefined;
}

/** Ids have no space in them; a transformation may. */
export function keyOf({ tenantId, imageId, transformation }: Wanted): string {
  return `${tenantId} ${imageId} ${transformation}`;
}
