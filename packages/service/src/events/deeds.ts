import type { Database } from '../db/database.ts';
import { DEEDS, DEEDS_CHANNEL, type Deed } from './model.ts';

/** The payload that tells of a batch with these types, or nothing where nobody acts on any of them. */
export function deedsOf(types: readonly string[]): string {
  return DEEDS.filter((deed) => types.includes(deed)).join();
}

/**
 * Calls back when one of `deeds` was sealed, some 50 ms after its commit, and when the connection was away and some may
 * have been. A hint alone: whoever listens also polls.
 * @returns a function that ends the subscription.
 */
export function listenForDeeds(
  database: Pick<Database, 'listen'>,
  deeds: readonly Deed[],
  onDeed: () => void,
): () => void {
  return database.listen(DEEDS_CHANNEL, (payload) => {
    if (payload === '' || payload.split(',').some((type) => deeds.some((deed) => deed === type))) onDeed();
  });
}
