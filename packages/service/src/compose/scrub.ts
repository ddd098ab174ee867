import { type Scrubbed, type ScrubOptions, scrubObjects } from '../backup/index.ts';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { holdRemovals } from './held-removals.ts';
import { claimObjects } from './installation.ts';
import { folderSource } from './object-sources.ts';
import { openObjectStore } from './object-store.ts';
import { withDatabase } from './tools.ts';

export interface ScrubRequest
  extends Pick<ScrubOptions, 'bytesPerSecondMax' | 'restart' | 'onDamage' | 'onProgress' | 'signal'> {
  /** Folders where damaged originals may be found whole; undefined: damages are told, and nothing is mended. */
  readonly repairFrom: readonly string[] | undefined;
}

/**
 * Reads every object again, while nodes run or not.
 * @throws ForeignObjectsError, NoObjectsError, or what database and store throw.
 */
export function scrub(config: Config, request: ScrubRequest): Promise<Scrubbed> {
  return withDatabase(config, async (database) => {
    const store = holdRemovals(await openObjectStore(config), database);
    // Another installation's objects would all be missing here.
    await claimObjects(database, store);
    const sources = request.repairFrom && (await Promise.all(request.repairFrom.map(folderSource)));
    return scrubObjects({ ...request, database, clock: systemClock, store, sources });
  });
}
