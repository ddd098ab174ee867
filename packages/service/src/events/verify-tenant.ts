import type { Database } from '../db/database.ts';
import { digestEvent, digestPersonal } from './chain.ts';
import { ChainWalk } from './chain-walk.ts';
import { checkpointBytes } from './checkpoint.ts';
import type { Findings } from './findings.ts';
import { READ_CHAIN_PAGE, READ_CHECKPOINT_PAGE } from './verify.sql.ts';

const PAGE_ROWS = 1_000;

export type SignatureCheck = (keyId: string, bytes: Uint8Array, signature: Uint8Array) => boolean;

export interface TenantBounds {
  readonly tenant_id: string;
  /** The last position that is there. */
  readonly last: number;
  /** The last that the head claims. */
  readonly head: number;
  /** The last for which there is a checkpoint. */
  readonly signed: number;
}

interface Context {
  readonly database: Database;
  readonly check: SignatureCheck;
  readonly findings: Findings;
}

/** One tenant's chain, personal fields and checkpoints. @param anchored the last position that an anchor names, or 0. */
export async function verifyTenant(context: Context, bounds: TenantBounds, anchored: number): Promise<void> {
  const { findings } = context;
  findings.counts.tenants += 1;
  await verifyChain(context, bounds);
  const signed = await verifyCheckpoints(context, bounds);
  findings.counts.unsigned += Math.max(0, bounds.last - signed);
  const known = Math.max(bounds.head, signed, anchored);
  if (known > bounds.last) {
    const detail = `positions ${bounds.last + 1} to ${known} are missing at the end`;
    findings.add('cut_off', { tenantId: bounds.tenant_id, position: bounds.last + 1 }, detail);
  }
}

interface ChainRow {
  readonly position: number;
  readonly event_id: string;
  readonly type: string;
  readonly subject: string;
  readonly image_id: string | null;
  readonly actor: string;
  readonly at_us: number;
  readonly data_text: string;
  readonly personal_text: string | null;
  readonly salt: Buffer | null;
  readonly personal_digest: Buffer | null;
  readonly hash: Buffer;
}

async function verifyChain({ database, findings }: Context, bounds: TenantBounds): Promise<void> {
  const tenantId = bounds.tenant_id;
  const walk = new ChainWalk<number>();
  for (let after = 0; after < bounds.last; ) {
    const rows = await database.query<ChainRow>(READ_CHAIN_PAGE, [tenantId, after, bounds.last, PAGE_ROWS]);
    for (const row of rows) {
      walk.step(row.position, row.position, digestRow(tenantId, row), row.hash);
      if (!isPersonalTrue(row)) {
        findings.add(
          'changed',
          { tenantId, position: row.position },
          'the personal fields are not those that were sealed',
        );
      } else if (row.personal_digest && !row.personal_text) {
        findings.counts.erased += 1;
      }
    }
    findings.counts.events += rows.length;
    after = rows.at(-1)?.position ?? bounds.last;
  }
  for (const { from, to } of walk.gaps) {
    findings.add('removed', { tenantId, position: from }, `positions ${from} to ${to} are missing`);
  }
  for (const { name: position, kind } of walk.broken()) {
    const detail = kind === 'changed' ? 'the content does not make its link' : 'another event belongs here';
    findings.add(kind, { tenantId, position }, detail);
  }
}

export function digestRow(tenantId: string, row: ChainRow): Buffer {
  return digestEvent({
    tenantId,
    eventId: row.event_id,
    type: row.type,
    subject: row.subject,
    imageId: row.image_id,
    actor: row.actor,
    atUs: row.at_us,
    dataText: row.data_text,
    personalDigest: row.personal_digest,
  });
}

/** Erased whole, never there, or what the digest in the chain says. */
function isPersonalTrue({ personal_text, salt, personal_digest }: ChainRow): boolean {
  if (personal_text === null && salt === null) return true;
  if (personal_text === null || salt === null || personal_digest === null) return false;
  return digestPersonal(salt, personal_text).equals(personal_digest);
}

interface CheckpointRow {
  readonly position: number;
  readonly hash: Buffer;
  readonly log_position: number;
  readonly at: Date;
  readonly key_id: string;
  readonly signature: Buffer;
  readonly event_hash: Buffer | null;
  readonly event_log_position: number | null;
}

/** @returns the last position that a trusted key has signed. */
async function verifyCheckpoints(context: Context, { tenant_id: tenantId, signed }: TenantBounds): Promise<number> {
  const { database, check, findings } = context;
  let last = 0;
  for (let after = 0; after < signed; ) {
    const rows = await database.query<CheckpointRow>(READ_CHECKPOINT_PAGE, [tenantId, after, signed, PAGE_ROWS]);
    for (const row of rows) {
      const { position, hash, log_position: logPosition, at, key_id: keyId } = row;
      const bytes = checkpointBytes({ tenantId, position, hash, logPosition, at, keyId });
      if (!check(keyId, bytes, row.signature)) {
        findings.add(
          'bad_signature',
          { tenantId, position },
          `the checkpoint is not signed by a trusted key (${keyId})`,
        );
        continue;
      }
      last = position;
      findings.counts.checkpoints += 1;
      // Where the event is missing, that has been told.
      if (row.event_hash && !(row.event_hash.equals(hash) && row.event_log_position === logPosition)) {
        findings.add('checkpoint_mismatch', { tenantId, position }, 'the event is not the one that was signed');
      }
    }
    after = rows.at(-1)?.position ?? signed;
  }
  return last;
}
