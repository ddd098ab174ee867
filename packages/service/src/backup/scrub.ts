import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { ObjectMissingError, type ObjectStore } from '../ports/object-store.ts';
import { type Damage, mend } from './mend.ts';
import { describeObjects, type NamedObject, PARTS, type Part, pageOfObjects } from './named-objects.ts';
import { beginScrub, dropDamage, endScrub, keepDamage, moveScrub, selectDamages } from './scrub.sql.ts';
import type { ObjectSource } from './source.ts';

export interface ScrubOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly store: ObjectStore;
  /** Bytes that are read per second at most, on average over a page. */
  readonly bytesPerSecondMax: number;
  /** Where damaged originals may be found whole; undefined: nothing is mended, damages are told alone. */
  readonly sources: readonly ObjectSource[] | undefined;
  /** Begins anew even where an earlier scrub was broken off. */
  readonly restart: boolean;
  /** Told of every damage as it is found, and after each page how far it has come. */
  readonly onDamage: (object: MendedObject) => void;
  readonly onProgress: (objects: number, bytes: number) => void;
  /** Breaks it off after the page in hand; the next one goes on there. */
  readonly signal: AbortSignal;
}

/** An object that is not what its row says. */
export interface DamagedObject extends Pick<NamedObject, 'kind' | 'tenantId' | 'id' | 'originalId' | 'objectKey'> {
  readonly damage: Damage;
}

export interface MendedObject extends DamagedObject {
  /** An original has its bytes again; a rendition is pending and will be made again; so will a pyramid, when it is wanted. */
  readonly mended: boolean;
}

export interface Scrubbed {
  readonly objects: number;
  readonly bytes: number;
  /** Whether it went on where an earlier one was broken off; `objects` and `bytes` count that one too. */
  readonly resumed: boolean;
  /** Whether it came to the end. */
  readonly finished: boolean;
  /** Mended by this run. */
  readonly mended: readonly MendedObject[];
  /** What stays damaged, at most a thousand of them; also what an earlier part of a resumed scrub has found. */
  readonly damaged: readonly DamagedObject[];
}

/** Small, because the place where it goes on is kept after each. */
const PAGE_ROWS = 100;
const REPORTED_MAX = 1_000;

/**
 * Reads every object that a row names, originals first, and holds its length and SHA-256 against the row. May run while
 * nodes are at work, and twice at once, which only takes longer. An error of the store that is not the object's own
 * ends it; the next scrub goes on there.
 */
export async function scrubObjects(options: ScrubOptions): Promise<Scrubbed> {
  const { database, signal } = options;
  const [begun] = await database.query<Begun>(beginScrub, [options.restart]);
  const mended: MendedObject[] = [];
  let { part, tenantId, id, objects, bytes, resumed } = begun ?? FROM_THE_START;
  while (!signal.aborted) {
    const page = await pageOfObjects(database, part, { tenantId, id }, PAGE_ROWS);
    mended.push(...(await scrubPage(options, page)));
    const last = page.at(-1);
    const next = PARTS[PARTS.indexOf(part) + 1];
    if (!last && !next) break;
    [part, tenantId, id] = last ? [part, last.tenantId, last.id] : [next ?? part, '', ''];
    const pageBytes = page.reduce((sum, object) => sum + object.bytes, 0);
    const [moved] = await database.query<Pick<Begun, 'objects' | 'bytes'>>(moveScrub, [
      ...[part, tenantId, id],
      ...[page.length, pageBytes],
    ]);
    ({ objects, bytes } = moved ?? { objects, bytes });
    options.onProgress(objects, bytes);
  }
  if (!signal.aborted) await database.query(endScrub);
  const damaged = await database.query<DamagedObject>(selectDamages, [REPORTED_MAX]);
  return { objects, bytes, resumed, finished: !signal.aborted, mended: mended.slice(0, REPORTED_MAX), damaged };
}

interface Begun {
  readonly part: Part;
  readonly tenantId: string;
  readonly id: string;
  readonly objects: number;
  readonly bytes: number;
  readonly resumed: boolean;
}

const FROM_THE_START: Begun = { part: 'originals', tenantId: '', id: '', objects: 0, bytes: 0, resumed: false };

async function scrubPage(options: ScrubOptions, page: readonly NamedObject[]): Promise<MendedObject[]> {
  const { database, clock, store, bytesPerSecondMax, sources } = options;
  const mended: MendedObject[] = [];
  const startedMs = clock.monotonic();
  let bytes = 0;
  for (const object of page) {
    const damage = await examine(store, object);
    bytes += object.bytes;
    const aheadMs = (bytes * 1000) / bytesPerSecondMax - (clock.monotonic() - startedMs);
    if (aheadMs > 0) await sleep(aheadMs);
    const { kind, tenantId, id, originalId, objectKey } = object;
    if (!damage) {
      await database.query(dropDamage, [tenantId, objectKey]);
      continue;
    }
    // Deleted or replaced while it was read.
    if (!(await describeObjects(database, [objectKey])).has(objectKey)) continue;
    const found = { kind, tenantId, id, originalId, objectKey, damage };
    const renditionId = kind === 'rendition' ? id : null;
    await database.query(keepDamage, [tenantId, objectKey, kind, damage, originalId, renditionId]);
    const told = { ...found, mended: sources !== undefined && (await mend({ ...options, sources }, object, damage)) };
    if (told.mended) {
      await database.query(dropDamage, [tenantId, objectKey]);
      mended.push(told);
    }
    options.onDamage(told);
  }
  return mended;
}

/** @throws what the store throws besides: an error of the network says nothing of the object. */
async function examine(store: ObjectStore, object: NamedObject): Promise<Damage | undefined> {
  try {
    const { bytes, stream } = await store.read(object.objectKey);
    const hash = createHash('sha256');
    for await (const chunk of stream) hash.update(chunk as Buffer);
    return bytes === object.bytes && hash.digest().equals(object.sha256) ? undefined : 'damaged';
  } catch (error) {
    if (error instanceof ObjectMissingError) return 'missing';
    // The medium cannot read its own block.
    if ((error as { code?: unknown }).code === 'EIO') return 'damaged';
    throw error;
  }
}
