import { invariant } from '../core/invariant.ts';
import type { Database, Transaction } from '../db/database.ts';
import { type ChainedEvent, digestEvent, digestPersonal, GENESIS, link } from './chain.ts';
import { deedsOf } from './deeds.ts';
import { fence, type LogHead, type SealerLease } from './lease.ts';
import { BATCH_EVENTS_MAX, DEEDS_CHANNEL, EVENTS_CHANNEL } from './model.ts';
import { LOOK_AT_INBOX, PICK_SETTLED_EVENTS, SEAL_EVENTS } from './seal.sql.ts';

// A notification's payload has fewer than 8000 bytes.
const PAYLOAD_BYTES_MAX = 7_900;

/** Where a tenant's chain stands. */
export interface TenantHead {
  readonly tenantId: string;
  readonly position: number;
  readonly hash: Uint8Array;
  readonly logPosition: number;
}

export interface SealedBatch {
  readonly events: number;
  /** The heads of the tenants concerned. */
  readonly heads: readonly TenantHead[];
  readonly log: LogHead;
  /** The database's time, to the millisecond. */
  readonly at: Date;
}

interface PickedRow {
  xid: string;
  tenant_id: string;
  event_id: string;
  type: string;
  subject: string;
  image_id: string | null;
  actor: string;
  at_us: number;
  data_text: string;
  personal_text: string | null;
  salt: Buffer | null;
  head_position: number;
  head_hash: Buffer | null;
}

interface LinkedEvent {
  readonly tenantId: string;
  readonly eventId: string;
  readonly position: number;
  readonly logPosition: number;
  readonly personalDigest: Buffer | null;
  readonly hash: Buffer;
  readonly logHash: Buffer;
}

/** Whether events can be sealed now (`ready`), and whether some are there at all (`waiting`). */
export async function lookAtInbox(database: Database): Promise<{ ready: boolean; waiting: boolean }> {
  const [row] = await database.query<{ ready: boolean }>(LOOK_AT_INBOX);
  return { ready: row?.ready ?? false, waiting: row !== undefined };
}

/**
 * Gives positions and links to at most {@link BATCH_EVENTS_MAX} settled events, in one transaction.
 * @throws DeposedError when the lease has passed to another; nothing was written then.
 */
export async function sealBatch(database: Database, lease: SealerLease, leaseMs: number): Promise<SealedBatch> {
  return database.transaction(async (tx) => {
    // Sent together, run one after the other.
    const [log, rows] = await Promise.all([
      fence(tx, lease),
      tx.query<PickedRow>(PICK_SETTLED_EVENTS, [BATCH_EVENTS_MAX]),
    ]);
    if (rows.length === 0) return { events: 0, heads: [], log, at: log.now };
    const batch = linkRows(rows, log);
    await writeBatch(tx, batch, lease, leaseMs);
    return { events: rows.length, heads: batch.heads, log: batch.log, at: log.now };
  });
}

interface LinkedBatch {
  readonly floor: string;
  readonly deeds: string;
  readonly events: readonly LinkedEvent[];
  readonly heads: readonly TenantHead[];
  readonly log: LogHead;
}

function linkRows(rows: readonly PickedRow[], start: LogHead): LinkedBatch {
  const heads = new Map<string, TenantHead>();
  let { logPosition, logHash } = start;
  const events = rows.map((row) => {
    const head = heads.get(row.tenant_id) ?? { position: row.head_position, hash: row.head_hash ?? GENESIS };
    const personalDigest = row.personal_text && row.salt ? digestPersonal(row.salt, row.personal_text) : null;
    const position = head.position + 1;
    const hash = link(head.hash, position, digestEvent(chained(row, personalDigest)));
    logPosition += 1;
    const nextLogHash = link(logHash, logPosition, hash);
    logHash = nextLogHash;
    heads.set(row.tenant_id, { tenantId: row.tenant_id, position, hash, logPosition });
    return {
      tenantId: row.tenant_id,
      eventId: row.event_id,
      position,
      logPosition,
      personalDigest,
      hash,
      logHash: nextLogHash,
    };
  });
  const log = { logPosition, logHash };
  const deeds = deedsOf(rows.map(({ type }) => type));
  return { events, heads: [...heads.values()], log, floor: rows.at(-1)?.xid ?? '0', deeds };
}

function chained(row: PickedRow, personalDigest: Buffer | null): ChainedEvent {
  return {
    tenantId: row.tenant_id,
    eventId: row.event_id,
    type: row.type,
    subject: row.subject,
    imageId: row.image_id,
    actor: row.actor,
    atUs: row.at_us,
    dataText: row.data_text,
    personalDigest,
  };
}

async function writeBatch(tx: Transaction, batch: LinkedBatch, lease: SealerLease, leaseMs: number): Promise<void> {
  const { events, heads, log } = batch;
  const tenants = heads.map((head) => head.tenantId).join(',');
  const [written] = await tx.query<{ sealed: number }>(SEAL_EVENTS, [
    events.map((event) => event.tenantId),
    events.map((event) => event.eventId),
    events.map((event) => event.position),
    events.map((event) => event.logPosition),
    events.map((event) => event.personalDigest),
    events.map((event) => event.hash),
    events.map((event) => event.logHash),
    heads.map((head) => head.tenantId),
    heads.map((head) => head.position),
    heads.map((head) => Buffer.from(head.hash)),
    heads.map((head) => head.logPosition),
    lease.token,
    leaseMs,
    log.logPosition,
    Buffer.from(log.logHash),
    EVENTS_CHANNEL,
    tenants.length <= PAYLOAD_BYTES_MAX ? tenants : '',
    batch.floor,
    DEEDS_CHANNEL,
    batch.deeds,
  ]);
  invariant(written?.sealed === events.length, `${events.length} events were numbered, ${written?.sealed} moved`);
}
