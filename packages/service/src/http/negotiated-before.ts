import { LRUCache } from 'lru-cache';
import type { NegotiableSource } from './negotiate.ts';

const ENTRIES_MAX = 50_000;
/** After a look that found one not yet made, nobody looks for this long. */
const LOOK_MS = 1_000;

/** What earlier negotiations found out, so that the next one need not ask the database. */
export class NegotiatedBefore {
  /** By tenant and image. */
  readonly sources = new LRUCache<string, NegotiableSource>({ max: ENTRIES_MAX });
  /** Renditions that were not made a moment ago. */
  readonly notYet = new LRUCache<string, true>({ max: ENTRIES_MAX, ttl: LOOK_MS });
  /** Whether a better one was on its way a moment ago. */
  readonly onItsWay = new LRUCache<string, boolean>({ max: ENTRIES_MAX, ttl: LOOK_MS });
}
