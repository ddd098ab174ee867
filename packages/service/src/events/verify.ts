import type { KeyObject } from 'node:crypto';
import type { Database } from '../db/database.ts';
import { type Anchor, type Anchors, anchorBytes, readAnchors } from './anchor.ts';
import { ChainWalk } from './chain-walk.ts';
import { Findings, type VerifyReport } from './findings.ts';
import { signatureCheck } from './sealing-key.ts';
import { READ_LINKS, READ_LOG_BOUNDS, READ_LOG_PAGE, READ_TENANT_BOUNDS } from './verify.sql.ts';
import { type SignatureCheck, type TenantBounds, verifyTenant } from './verify-tenant.ts';

const PAGE_ROWS = 1_000;

export interface VerifyOptions {
  readonly database: Database;
  readonly anchors: Anchors;
  /** The public halves of every key that has sealed. */
  readonly publicKeys: readonly KeyObject[];
  /** Verifies this tenant's chain alone; default: every chain, and the one over all. */
  readonly tenantId?: string | undefined;
}

/**
 * Walks the whole log again, in pages, and tells what does not hold. May run while a sealer is at work.
 * Trusts the keys that are handed in and the object store's anchors, nothing in the database.
 */
export async function verifyEvents({ database, anchors, publicKeys, tenantId }: VerifyOptions): Promise<VerifyReport> {
  const findings = new Findings();
  const isSigned = signatureCheck(publicKeys);
  const check: SignatureCheck = (keyId, bytes, signature) => {
    const holds = isSigned(keyId, bytes, signature);
    if (holds) findings.addSignature(keyId);
    return holds;
  };
  // First the anchors, then how far the log goes: what was anchored by then must be there.
  const trusted = await readTrustedAnchors(anchors, check, findings);
  const [log] = await database.query<LogBounds>(READ_LOG_BOUNDS);
  const tenants = await database.query<TenantBounds>(READ_TENANT_BOUNDS, [tenantId ?? null]);
  const anchored = anchoredPositions(trusted, tenantId);
  for (const tenant of withAnchored(tenants, anchored)) {
    await verifyTenant({ database, check, findings }, tenant, anchored.get(tenant.tenant_id) ?? 0);
  }
  await verifyAnchoredHeads(database, trusted, tenantId, findings);
  if (tenantId === undefined) await verifyLog(database, log ?? { last: 0, sealed: 0 }, trusted, findings);
  return findings.report();
}

interface LogBounds {
  /** The last log position that is there. */
  readonly last: number;
  /** The last that the sealer's row claims. */
  readonly sealed: number;
}

async function readTrustedAnchors(anchors: Anchors, check: SignatureCheck, findings: Findings): Promise<Anchor[]> {
  const trusted: Anchor[] = [];
  for (const { key, anchor } of await readAnchors(anchors)) {
    if (anchor && check(anchor.keyId, anchorBytes(anchor), Buffer.from(anchor.signature, 'base64'))) {
      trusted.push(anchor);
      findings.counts.anchors += 1;
    } else {
      const place = anchor ? { logPosition: anchor.logPosition } : {};
      findings.add('bad_signature', place, `the anchor ${key} is not signed by a trusted key`);
    }
  }
  return trusted;
}

function anchoredPositions(anchors: readonly Anchor[], tenantId: string | undefined): Map<string, number> {
  const positions = new Map<string, number>();
  for (const head of anchors.flatMap((anchor) => anchor.heads)) {
    if (tenantId !== undefined && head.tenantId !== tenantId) continue;
    positions.set(head.tenantId, Math.max(head.position, positions.get(head.tenantId) ?? 0));
  }
  return positions;
}

/** Adds the tenants of whom nothing is left but what an anchor says. */
function withAnchored(tenants: readonly TenantBounds[], anchored: ReadonlyMap<string, number>): TenantBounds[] {
  const known = new Set(tenants.map((tenant) => tenant.tenant_id));
  const lost = [...anchored.keys()].filter((tenantId) => !known.has(tenantId));
  return [...tenants, ...lost.map((tenant_id) => ({ tenant_id, last: 0, head: 0, signed: 0 }))];
}

/** The heads that anchors name must still be what they were. */
async function verifyAnchoredHeads(
  database: Database,
  anchors: readonly Anchor[],
  tenantId: string | undefined,
  findings: Findings,
): Promise<void> {
  for (const { heads } of anchors) {
    const looked = heads.filter((head) => tenantId === undefined || head.tenantId === tenantId);
    const rows = await database.query<{ tenant_id: string; position: number; hash: Buffer }>(READ_LINKS, [
      looked.map((head) => head.tenantId),
      looked.map((head) => head.position),
    ]);
    const links = new Map(rows.map((row) => [`${row.tenant_id} ${row.position}`, row.hash.toString('hex')]));
    for (const { tenantId: owner, position, hash } of looked) {
      const found = links.get(`${owner} ${position}`);
      // What is missing has been told as removed or cut off.
      if (found === undefined || found === hash || findings.has(owner, position)) continue;
      findings.add('anchor_mismatch', { tenantId: owner, position }, 'the link is not the one that was anchored');
    }
  }
}

interface LogRow {
  readonly log_position: number;
  readonly tenant_id: string;
  readonly position: number;
  readonly hash: Buffer;
  readonly log_hash: Buffer;
}

/** The chain over all tenants, and the anchors that it must agree with. */
async function verifyLog(
  database: Database,
  bounds: LogBounds,
  anchors: readonly Anchor[],
  findings: Findings,
): Promise<void> {
  const walk = new ChainWalk<LogRow>();
  const anchoredHashes = new Map(anchors.map((anchor) => [anchor.logPosition, anchor.logHash]));
  for (let after = 0; after < bounds.last; ) {
    const rows = await database.query<LogRow>(READ_LOG_PAGE, [after, bounds.last, PAGE_ROWS]);
    for (const row of rows) {
      walk.step(row, row.log_position, row.hash, row.log_hash);
      const anchored = anchoredHashes.get(row.log_position);
      if (anchored !== undefined && anchored !== row.log_hash.toString('hex')) {
        findings.add('anchor_mismatch', placeOf(row), 'the link over all tenants is not the one that was anchored');
      }
    }
    after = rows.at(-1)?.log_position ?? bounds.last;
  }
  for (const { name, kind } of walk.broken()) {
    // A row whose own link does not hold breaks this chain too; once told is enough.
    if (findings.has(name.tenant_id, name.position)) continue;
    findings.add(kind, placeOf(name), 'its place among all tenants does not hold');
  }
  addLogGaps(walk.gaps, findings);
  addCutOff(bounds, anchors, findings);
}

function addLogGaps(gaps: readonly { from: number; to: number }[], findings: Findings): void {
  if (findings.hasKind('removed') || findings.hasKind('cut_off')) return;
  // No tenant misses any of these: whoever took them renumbered the rest or took the whole tenant.
  for (const { from, to } of gaps) {
    findings.add('removed', { logPosition: from }, `log positions ${from} to ${to} are missing`);
  }
}

function addCutOff({ last, sealed }: LogBounds, anchors: readonly Anchor[], findings: Findings): void {
  const anchored = Math.max(0, ...anchors.map((anchor) => anchor.logPosition));
  if (anchored > last) {
    const detail = `anchors know log positions up to ${anchored}, the log ends at ${last}`;
    findings.add('anchor_ahead', { logPosition: last + 1 }, detail);
  } else if (sealed > last && !findings.hasKind('cut_off')) {
    findings.add('cut_off', { logPosition: last + 1 }, `log positions ${last + 1} to ${sealed} are missing at the end`);
  }
}

function placeOf(row: LogRow): { tenantId: string; position: number; logPosition: number } {
  return { tenantId: row.tenant_id, position: row.position, logPosition: row.log_position };
}
