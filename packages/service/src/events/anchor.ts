import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import { ObjectMissingError, type ObjectStore } from '../ports/object-store.ts';
import { READ_LOG_HASH } from './anchor.sql.ts';
import type { SealingKey } from './sealing-key.ts';

/** Where anchors lie: outside the database, so that whoever cuts the log off cannot cut them off with it. */
export type Anchors = Pick<ObjectStore, 'put' | 'list' | 'read' | 'remove'>;

const PREFIX = 'system/anchors/';
const POSITION_DIGITS = 16;
const ID_LENGTH = 26;
const KEPT = 10;
const HEADS_MAX = 500;
const ANCHOR_BYTES_MAX = 1024 * 1024;

const anchorSchema = z.object({
  logPosition: z.int().nonnegative(),
  /** Hex. */
  logHash: z.string(),
  /** ISO 8601, to the millisecond. */
  at: z.string(),
  /** Heads that moved since the last anchor (some of them when they were very many): they name whose events are cut off. */
  heads: z.array(z.object({ tenantId: z.string(), position: z.int().positive(), hash: z.string() })),
  keyId: z.string(),
  signature: z.string(),
});

/** A signed statement of where the log stood. */
export type Anchor = z.infer<typeof anchorSchema>;
export type UnsignedAnchor = Omit<Anchor, 'keyId' | 'signature'>;

/** The bytes that the signature covers. */
export function anchorBytes({ logPosition, logHash, at, heads, keyId }: Omit<Anchor, 'signature'>): Buffer {
  const headFields = heads.map(({ tenantId, position, hash }) => [tenantId, String(position), hash]);
  return Buffer.from(JSON.stringify(['safelight.anchor.v1', String(logPosition), logHash, at, headFields, keyId]));
}

/** Every anchor with its key, oldest first; `anchor` is undefined where the object is no anchor. */
export async function readAnchors(anchors: Anchors): Promise<{ key: string; anchor: Anchor | undefined }[]> {
  const found: { key: string; anchor: Anchor | undefined }[] = [];
  for (const key of await listAnchorKeys(anchors)) {
    try {
      found.push({ key, anchor: await readAnchor(anchors, key) });
    } catch (error) {
      // A sealer at work takes old ones away.
      if (!(error instanceof ObjectMissingError)) throw error;
    }
  }
  return found;
}

/** Puts anchors, and takes old ones away. */
export class AnchorKeeper {
  readonly #anchors: Anchors;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #key: SealingKey;
  #keys: string[] = [];

  constructor(deps: { anchors: Anchors; database: Database; clock: Clock; key: SealingKey }) {
    this.#anchors = deps.anchors;
    this.#database = deps.database;
    this.#clock = deps.clock;
    this.#key = deps.key;
  }

  /** Learns what lies there. */
  async load(): Promise<void> {
    this.#keys = await listAnchorKeys(this.#anchors);
  }

  has(logPosition: number): boolean {
    return this.#keys.some((key) => positionOf(key) === logPosition);
  }

  /** Signs and puts one anchor, then takes away what is older than the last ten. */
  async put(unsigned: UnsignedAnchor): Promise<void> {
    const anchor = { ...unsigned, heads: unsigned.heads.slice(0, HEADS_MAX), keyId: this.#key.keyId };
    const signature = this.#key.sign(anchorBytes(anchor)).toString('base64');
    const place = String(anchor.logPosition).padStart(POSITION_DIGITS, '0');
    const key = `${PREFIX}${place}-${newId('object', this.#clock)}`;
    await this.#anchors.put(key, Buffer.from(JSON.stringify({ ...anchor, signature })), {
      contentType: 'application/json',
    });
    this.#keys.push(key);
    await this.#removeOld();
  }

  /**
   * An anchor goes only if the log still says the same: what it contradicts is evidence, which must not age out
   * while the log grows again behind a cut.
   */
  async #removeOld(): Promise<void> {
    const old = this.#keys.slice(0, -KEPT);
    const confirmed: string[] = [];
    for (const key of old) {
      const anchor = await readAnchor(this.#anchors, key);
      const [row] = await this.#database.query<{ log_hash: Buffer }>(READ_LOG_HASH, [positionOf(key)]);
      if (anchor && row?.log_hash.toString('hex') === anchor.logHash) confirmed.push(key);
    }
    await this.#anchors.remove(confirmed);
    // What stays is looked at again by the next sealer, not with every anchor.
    this.#keys = this.#keys.slice(-KEPT);
  }
}

/** The log position of the anchor that lies under a key, or undefined when that is no anchor's. */
export function anchoredPosition(key: string): number | undefined {
  return key.startsWith(PREFIX) ? positionOf(key) : undefined;
}

async function listAnchorKeys(anchors: Anchors): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of anchors.list(PREFIX)) keys.push(key);
  // By age: identifiers begin with their time. After a cut, younger anchors may have smaller log positions.
  return keys.sort((a, b) => (a.slice(-ID_LENGTH) < b.slice(-ID_LENGTH) ? -1 : 1));
}

function positionOf(key: string): number {
  return Number(key.slice(PREFIX.length, PREFIX.length + POSITION_DIGITS));
}

async function readAnchor(anchors: Anchors, key: string): Promise<Anchor | undefined> {
  const { bytes, stream } = await anchors.read(key);
  if (bytes > ANCHOR_BYTES_MAX) {
    stream.destroy();
    return undefined;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return parseAnchor(Buffer.concat(chunks).toString('utf8'));
}

function parseAnchor(text: string): Anchor | undefined {
  try {
    return anchorSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
