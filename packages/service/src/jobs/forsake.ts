import type { Queryable } from '../db/database.ts';
import { endLeasesOf } from './forsake.sql.ts';

/**
 * Ends what a node's former self held when it was killed, so that the reaper takes it back now and not a lease later.
 * Only for a node that knows its former self to be dead: it holds the lock on the folder that keeps its id.
 * @returns how many leases were ended.
 */
export async function forsakeLeases(database: Queryable, nodeId: string): Promise<number> {
  return (await database.query(endLeasesOf, [nodeId])).length;
}
