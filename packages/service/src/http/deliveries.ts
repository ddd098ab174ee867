import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { type Delivery, DeliveryLooks, type Lookup } from '../images/index.ts';
import { type Deliverable, toDeliverable, toOriginal } from './deliverable.ts';
import { FreshFacts } from './fresh-facts.ts';
import { KeysByOwner } from './keys-by-owner.ts';

const ENTRIES_MAX = 50_000;
/** How long another node's deletion may go unnoticed here when the word of it is lost; else it is known at once. */
const STALE_MS_MAX = 5_000;

/** Stands in a key where others have a transformation; no rendition goes by it. */
const ORIGINAL = 'original';

/** Where originals and ready renditions lie, so that a warm node delivers without asking the database. */
export class Deliveries {
  readonly #byImage = new KeysByOwner();
  readonly #facts: FreshFacts<Deliverable, Lookup<Delivery>>;

  /** @param restMs how long a tenant's looks rest after one of them, so that more go together. */
  constructor(
    { database, clock }: { readonly database: Pick<Database, 'asTenant'>; readonly clock: Clock },
    restMs?: (tenantId: string) => number,
  ) {
    const looks = new DeliveryLooks(database, restMs);
    this.#facts = new FreshFacts({
      clock,
      entriesMax: ENTRIES_MAX,
      msMax: STALE_MS_MAX,
      ask: (key) => {
        const { tenantId, imageId, transformation } = partsOf(key);
        return looks.find(tenantId, imageId, transformation);
      },
      keep: (key, lookup) => {
        const { tenantId, imageId, transformation } = partsOf(key);
        const object =
          transformation === ORIGINAL
            ? originalOf(tenantId, imageId, lookup)
            : toDeliverable(tenantId, imageId, lookup);
        if (object) this.#byImage.add(ownerOf(tenantId, imageId), key);
        return object;
      },
      onDrop: (key, { tenantId, imageId }) => this.#byImage.delete(ownerOf(tenantId, imageId), key),
    });
  }

  /** A ready rendition, from memory. */
  get(tenantId: string, imageId: string, transformation: string): Deliverable | undefined {
    return this.#facts.known(keyOf(tenantId, imageId, transformation));
  }

  /** The bytes as they were uploaded, from memory. */
  getOriginal(tenantId: string, imageId: string): Deliverable | undefined {
    return this.get(tenantId, imageId, ORIGINAL);
  }

  /** The image with its original, from the database; kept as renditions are. */
  lookOriginal(tenantId: string, imageId: string): Promise<Lookup<Delivery>> {
    return this.look(tenantId, imageId, ORIGINAL);
  }

  /** What stands at the URL, from the database; a ready rendition is kept. Who asks at the same time shares the look. */
  look(tenantId: string, imageId: string, transformation: string): Promise<Lookup<Delivery>> {
    return this.#facts.ask(keyOf(tenantId, imageId, transformation));
  }

  /** The same, for who has heard that it has changed: shares no look that began before. */
  lookAnew(tenantId: string, imageId: string, transformation: string): Promise<Lookup<Delivery>> {
    return this.#facts.askAnew(keyOf(tenantId, imageId, transformation));
  }

  /** Forgets the original and every rendition of an image. */
  forget(tenantId: string, imageId: string): void {
    const owner = ownerOf(tenantId, imageId);
    this.#facts.forget(this.#byImage.of(owner));
    this.#facts.forgetAsked((key) => key.startsWith(`${owner} `));
  }

  /** Forgets everything of a tenant; of all when none is named. */
  forgetAll(tenantId?: string): void {
    this.#facts.forgetWhere((object) => tenantId === undefined || object.tenantId === tenantId);
    this.#facts.forgetAsked((key) => tenantId === undefined || key.startsWith(`${tenantId} `));
  }
}

/** The same for who need not know how: what delivers, or one request's view of it. */
export type DeliveryFacts = Pick<Deliveries, keyof Deliveries>;

function originalOf(tenantId: string, imageId: string, lookup: Lookup<Delivery>): Deliverable | undefined {
  return lookup.state === 'found' ? toOriginal(tenantId, imageId, lookup.value) : undefined;
}

function ownerOf(tenantId: string, imageId: string): string {
  return `${tenantId} ${imageId}`;
}

/** Ids have no space in them; a transformation may. */
function keyOf(tenantId: string, imageId: string, transformation: string): string {
  return `${tenantId} ${imageId} ${transformation}`;
}

function partsOf(key: string): { tenantId: string; imageId: string; transformation: string } {
  const [tenantId = '', imageId = '', ...rest] = key.split(' ');
  return { tenantId, imageId, transformation: rest.join(' ') };
}
