import type { Clock } from '../core/clock.ts';
import type { Database, Queryable, Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { recordEvent } from '../events/index.ts';

/** Each is a name that a proxy in front needs a certificate for. */
export const DOMAINS_MAX = 20;
const CHALLENGE_BYTES = 20;
const UNIQUE_VIOLATION = '23505';

/** A host at which a tenant's images are delivered once it has proved that it is its own. */
export interface Domain {
  readonly host: string;
  /** What its TXT record has to say. */
  readonly challenge: string;
  readonly verifiedAt: Date | undefined;
  readonly isPrimary: boolean;
  readonly createdAt: Date;
}

export interface DomainAct {
  readonly tenantId: string;
  readonly actor: string;
  /** In lower case. */
  readonly host: string;
}

/** The texts of all TXT records of a name; none where there are none. */
export type LookUpTexts = (name: string) => Promise<readonly string[]>;

/** Another tenant has proved this host, or there are as many as may be. */
export class DomainRefusedError extends Error {
  override readonly name = 'DomainRefusedError';
  readonly reason: 'taken' | 'too_many';

  constructor(reason: 'taken' | 'too_many', message: string) {
    super(message);
    this.reason = reason;
  }
}

interface DomainRow {
  readonly host: string;
  readonly challenge: string;
  readonly verified_at: Date | null;
  readonly is_primary: boolean;
  readonly created_at: Date;
}

const COLUMNS = 'host, challenge, verified_at, is_primary, created_at';
const lockDomains = statement('lock_domains', `SELECT pg_advisory_xact_lock(hashtextextended('domains ' || $1, 0))`);
const selectDomains = statement('select_domains', `SELECT ${COLUMNS} FROM domains WHERE tenant_id = $1 ORDER BY host`);
const insertDomain = statement('insert_domain', 'INSERT INTO domains (tenant_id, host, challenge) VALUES ($1, $2, $3)');
const unsetPrimary = statement(
  'unset_primary_domain',
  'UPDATE domains SET is_primary = false WHERE tenant_id = $1 AND is_primary AND host <> $2',
);
const setDomain = statement(
  'set_domain',
  `UPDATE domains SET verified_at = coalesce(verified_at, CASE WHEN $3 THEN clock_timestamp() END), is_primary = $4
   WHERE tenant_id = $1 AND host = $2`,
);
const deleteDomain = statement(
  'delete_domain',
  'DELETE FROM domains WHERE tenant_id = $1 AND host = $2 RETURNING host',
);
/** Before a tenant is known, so as the system; by domains_by_host. */
const selectTenantOfHost = statement(
  'select_tenant_of_host',
  'SELECT tenant_id FROM domains WHERE host = $1 AND verified_at IS NOT NULL',
);

/** Name of the TXT record that proves a host. */
export function proofName(host: string): string {
  return `_safelight.${host}`;
}

/** What that record says. */
export function proofText({ challenge }: Pick<Domain, 'challenge'>): string {
  return `safelight=${challenge}`;
}

/** In the order of their names. */
export async function listDomains(tx: Transaction, tenantId: string): Promise<Domain[]> {
  return (await tx.query<DomainRow>(selectDomains, [tenantId])).map((row) => ({
    host: row.host,
    challenge: row.challenge,
    verifiedAt: row.verified_at ?? undefined,
    isPrimary: row.is_primary,
    createdAt: row.created_at,
  }));
}

/** The tenant that has proved a host. */
export async function findTenantOfHost(database: Queryable, host: string): Promise<string | undefined> {
  const [row] = await database.query<{ tenant_id: string }>(selectTenantOfHost, [host]);
  return row?.tenant_id;
}

/**
 * Claims a host for a tenant, and looks whether it is proved by now.
 * @param texts asks the DNS; or `true`, where an operator knows whose it is
 * @param isPrimary whether URLs begin with it; absent: as it is, and the first that is proved
 * @throws DomainRefusedError
 */
export async function putDomain(
  database: Database,
  clock: Clock,
  act: DomainAct,
  { texts, isPrimary }: { readonly texts: LookUpTexts | true; readonly isPrimary?: boolean | undefined },
): Promise<Domain> {
  const { tenantId, host } = act;
  const claimed = await database.asTenant(tenantId, (tx) => claim(tx, clock, act));
  // The DNS of a stranger may take its time: no transaction waits for it.
  const isProved =
    claimed.verifiedAt !== undefined || texts === true || (await texts(proofName(host))).includes(proofText(claimed));
  try {
    return await database.asTenant(tenantId, (tx) => settle(tx, clock, act, isProved, isPrimary));
  } catch (error) {
    if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
    throw new DomainRefusedError('taken', `another tenant has proved that ${host} is its own`);
  }
}

/** @returns false when the tenant has no such host. */
export async function removeDomain(
  database: Database,
  clock: Clock,
  { tenantId, actor, host }: DomainAct,
): Promise<boolean> {
  return database.asTenant(tenantId, async (tx) => {
    const [row] = await tx.query(deleteDomain, [tenantId, host]);
    if (!row) return false;
    await recordEvent(tx, clock, { tenantId, type: 'domain.removed', subject: tenantId, actor, data: { host } });
    return true;
  });
}

async function claim(tx: Transaction, clock: Clock, act: DomainAct): Promise<Domain> {
  const { tenantId, host } = act;
  await tx.query(lockDomains, [tenantId]);
  const known = await listDomains(tx, tenantId);
  const own = known.find((domain) => domain.host === host);
  if (own) return own;
  if (known.length >= DOMAINS_MAX) throw new DomainRefusedError('too_many', `there are ${DOMAINS_MAX} hosts already`);
  const challenge = Buffer.from(clock.bytes(CHALLENGE_BYTES)).toString('base64url');
  await tx.query(insertDomain, [tenantId, host, challenge]);
  await tell(tx, clock, act, { proved: false, isPrimary: false });
  return { host, challenge, verifiedAt: undefined, isPrimary: false, createdAt: new Date(clock.now()) };
}

async function settle(
  tx: Transaction,
  clock: Clock,
  act: DomainAct,
  isProved: boolean,
  wish: boolean | undefined,
): Promise<Domain> {
  const { tenantId, host } = act;
  await tx.query(lockDomains, [tenantId]);
  const before = await listDomains(tx, tenantId);
  const own = before.find((domain) => domain.host === host);
  if (!own) throw new DomainRefusedError('taken', `${host} was given up meanwhile`);
  const hasPrimary = before.some((domain) => domain.isPrimary && domain.host !== host);
  const isPrimary = isProved && (wish ?? (own.isPrimary || (own.verifiedAt === undefined && !hasPrimary)));
  if ((own.verifiedAt !== undefined) === isProved && own.isPrimary === isPrimary) return own;
  if (isPrimary) await tx.query(unsetPrimary, [tenantId, host]);
  await tx.query(setDomain, [tenantId, host, isProved, isPrimary]);
  await tell(tx, clock, act, { proved: isProved, isPrimary });
  const after = (await listDomains(tx, tenantId)).find((domain) => domain.host === host);
  return after ?? own;
}

function tell(
  tx: Transaction,
  clock: Clock,
  { tenantId, actor, host }: DomainAct,
  data: { readonly proved: boolean; readonly isPrimary: boolean },
): Promise<void> {
  return recordEvent(tx, clock, {
    tenantId,
    type: 'domain.changed',
    subject: tenantId,
    actor,
    data: { host, ...data },
  });
}
