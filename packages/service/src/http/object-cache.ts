import { LRUCache } from 'lru-cache';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Deliverable } from './deliverable.ts';
import { KeysByOwner } from './keys-by-owner.ts';

interface Held {
  readonly bytes: Buffer;
  readonly owner: string;
}

/** Larger ones are streamed: few of them would take the room of many thumbnails, and a read costs them relatively less. */
export const OBJECT_BYTES_MAX = 256 * 1024;
/** What an entry takes besides its bytes: key, index and bookkeeping. */
const ENTRY_BYTES = 512;
/** Objects that were read once lately; a key takes some 100 bytes. */
const SEEN_MAX = 20_000;

/**
 * The bytes of small objects that are asked for often. Objects are written once under a fresh key, so what is held is
 * never outdated; whether it may still be told is for the facts to say, which are asked first. While there is room
 * everything is kept; then only what is read a second time, so that a crawl over all pictures washes nothing out.
 */
export class ObjectCache {
  readonly #store: Pick<ObjectStore, 'read'>;
  readonly #held: LRUCache<string, Held>;
  readonly #seen = new LRUCache<string, true>({ max: SEEN_MAX });
  readonly #byImage = new KeysByOwner();
  readonly #reading = new Map<string, Promise<Buffer>>();
  readonly #bytesMax: number;
  readonly #take: (objectKey: string) => Buffer | undefined;

  /** @param take gives bytes that this node has just stored */
  constructor(store: Pick<ObjectStore, 'read'>, bytesMax: number, take: (objectKey: string) => Buffer | undefined) {
    this.#store = store;
    this.#take = take;
    this.#bytesMax = bytesMax;
    this.#held = new LRUCache<string, Held>({
      // lru-cache takes no bound of 0.
      maxSize: Math.max(1, bytesMax),
      sizeCalculation: ({ bytes }) => bytes.byteLength + ENTRY_BYTES,
      dispose: ({ owner }, key) => this.#byImage.delete(owner, key),
    });
  }

  /** Bytes that are held, with what holding them takes. */
  get size(): number {
    return this.#held.calculatedSize;
  }

  /** Whether objects of this size are read whole, or streamed. */
  takes(object: Deliverable): boolean {
    return object.bytes <= OBJECT_BYTES_MAX && object.bytes + ENTRY_BYTES <= this.#bytesMax;
  }

  /** The object's bytes if they are in memory. Shared: to be read only. */
  get(objectKey: string): Buffer | undefined {
    return this.#held.get(objectKey)?.bytes;
  }

  /**
   * Reads an object that {@link takes} holds for; who reads the same one at the same time shares one read.
   * @throws ObjectMissingError, or Error when the object is not as long as its row tells.
   */
  read(object: Deliverable): Promise<Buffer> {
    const { objectKey } = object;
    const underWay = this.#reading.get(objectKey);
    if (underWay) return underWay;
    const fresh = this.#take(objectKey);
    const read = fresh ? Promise.resolve(fresh) : readWhole(this.#store, object);
    const reading: Promise<Buffer> = read
      .then((bytes) => {
        // Forgotten meanwhile: told to who asked before, and kept for nobody.
        if (this.#reading.get(objectKey) === reading) this.#admit(object, bytes);
        return bytes;
      })
      .finally(() => {
        if (this.#reading.get(objectKey) === reading) this.#reading.delete(objectKey);
      });
    this.#reading.set(objectKey, reading);
    return reading;
  }

  /** Drops what was read for a deleted image. */
  forget(tenantId: string, imageId: string): void {
    for (const key of this.#byImage.of(`${tenantId} ${imageId}`)) this.#held.delete(key);
    this.#reading.clear();
  }

  /** Drops what was read for a tenant. */
  forgetTenant(tenantId: string): void {
    const held = [...this.#held.entries()].filter(([, { owner }]) => owner.startsWith(`${tenantId} `));
    for (const [key] of held) this.#held.delete(key);
    this.#reading.clear();
  }

  #admit({ objectKey, tenantId, imageId }: Deliverable, bytes: Buffer): void {
    const isFull = this.#held.calculatedSize + bytes.byteLength + ENTRY_BYTES > this.#bytesMax;
    if (isFull && !this.#seen.has(objectKey)) {
      this.#seen.set(objectKey, true);
      return;
    }
    const owner = `${tenantId} ${imageId}`;
    this.#held.set(objectKey, { bytes, owner });
    this.#byImage.add(owner, objectKey);
  }
}

async function readWhole(store: Pick<ObjectStore, 'read'>, { objectKey, bytes: length }: Deliverable): Promise<Buffer> {
  const { bytes, stream } = await store.read(objectKey);
  if (bytes !== length) {
    stream.destroy();
    throw lengthError(objectKey, bytes, length);
  }
  // Not from Node's pool, of which one small picture would keep 64 kB alive.
  const whole = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    if (filled + chunk.byteLength > length) throw lengthError(objectKey, filled + chunk.byteLength, length);
    whole.set(chunk, filled);
    filled += chunk.byteLength;
  }
  if (filled !== length) throw lengthError(objectKey, filled, length);
  return whole;
}

/** A client that was told another length would wait for the rest, or take a part for the whole. */
export function lengthError(objectKey: string, bytes: number, told: number): Error {
  return new Error(`the object ${objectKey} has ${bytes} bytes where its row tells ${told}`);
}
