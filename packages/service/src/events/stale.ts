import type { EventType } from '@safelight/contract';
import type { Database, Transaction } from '../db/database.ts';
import type { NewEvent } from './model.ts';
import { TELL_STALE } from './stale.sql.ts';

/** Told on this channel at the commit: `TENANT IMAGE` or `TENANT` for each stale thing, separated by commas. */
const STALE_CHANNEL = 'safelight_stale';
/** A notification's payload has fewer than 8000 bytes; an image with its tenant takes 61. */
const STALE_PER_NOTIFICATION_MAX = 100;

/** After these a URL answers something else than before: of their image, or, without one, any of their tenant. */
export const PURGE_MAKING: readonly EventType[] = [
  'image.deleted',
  'image.trashed',
  'image.restored',
  'delivery.purged',
  'original.repaired',
  'rendition.lost',
  'tenant.changed',
  'tenant.suspended',
  'tenant.resumed',
  'tenant.deleting',
  'tenant.url_key_retired',
  'domain.removed',
];

/** Nodes ask anew after these as well. What caches hold stays good: a URL that names a version names the same bytes. */
const STALE_MAKING: readonly EventType[] = [...PURGE_MAKING, 'preset.changed', 'preset.removed', 'domain.changed'];

/** What caches must ask for anew. */
export interface Stale {
  readonly tenantId: string;
  /** Undefined: everything of the tenant. */
  readonly imageId: string | undefined;
}

/** Has every node hear, once the transaction has committed, of what the events make stale. */
export async function tellStale(tx: Transaction, events: readonly NewEvent[]): Promise<void> {
  const stale = events
    .filter(({ type }) => STALE_MAKING.includes(type))
    .map(({ tenantId, imageId }) => (imageId === undefined ? tenantId : `${tenantId} ${imageId}`));
  for (let start = 0; start < stale.length; start += STALE_PER_NOTIFICATION_MAX) {
    await tx.query(TELL_STALE, [STALE_CHANNEL, stale.slice(start, start + STALE_PER_NOTIFICATION_MAX).join(',')]);
  }
}

/**
 * Calls `onStale` for what becomes stale, as it is committed; without an argument when word may have been lost and
 * anything may be stale. A hint, not a promise: whoever keeps facts also bounds their age.
 * @returns a function that ends it.
 */
export function followStale(
  database: Pick<Database, 'listen'>,
  onStale: (stale: Stale | undefined) => void,
): () => void {
  return database.listen(STALE_CHANNEL, (payload) => {
    if (payload === '') {
      onStale(undefined);
      return;
    }
    for (const one of payload.split(',')) {
      const [tenantId = '', imageId] = one.split(' ');
      onStale({ tenantId, imageId });
    }
  });
}
