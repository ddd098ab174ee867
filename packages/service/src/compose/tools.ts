import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import { hostsOf } from '../db/cluster/hosts.ts';
import { writerOf } from '../db/cluster/writer.ts';
import { Database, type Transaction } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { DATABASE_URL_FILE, openDatabase } from '../db/open.ts';
import { type VerifyReport, verifyEvents } from '../events/index.ts';
import {
  listDecisions,
  listNodes,
  type RegisteredNode,
  readScalerLeader,
  type ScalingDecision,
} from '../fleet/index.ts';
import { keepLocations } from '../originals/index.ts';
import { retryJob } from '../renditions/index.ts';
import {
  addOperatorKey,
  findTenant,
  listUrlKeys,
  retireUrlKey,
  rotateUrlKey,
  type Tenant,
  type UrlKey,
} from '../tenants/index.ts';
import { proxyOf } from './database-proxy.ts';
import { openObjectStore } from './object-store.ts';
import { trustedKeys } from './sealing.ts';

const TOOL_CONNECTIONS_MAX = 2;
const PAGE_NODES = 1_000;

/** A tool names a tenant that does not exist. */
export class UnknownTenantError extends Error {
  override readonly name = 'UnknownTenantError';
}

/**
 * Applies missing migrations to the database of `url`, on its writer. @returns their names.
 * @param isForced also those that stop nodes of an older build which run now.
 */
export async function migrateDatabase(url: string, isForced: boolean): Promise<string[]> {
  return migrate(await writerOf(url), isForced ? 'nobody' : 'nodes');
}

/** Walks the event log, of one tenant or whole, while a node runs or not. */
export async function verifyLog(config: Config, tenantSlug: string | undefined): Promise<VerifyReport> {
  const anchors = await openObjectStore(config);
  const publicKeys = await trustedKeys(config, anchors);
  return withDatabase(config, async (database) => {
    const tenantId = tenantSlug === undefined ? undefined : (await tenantNamed(database, tenantSlug)).tenantId;
    return verifyEvents({ database, anchors, publicKeys, tenantId });
  });
}

/** A new key of the operator. */
export function createOperatorKey(config: Config): Promise<string> {
  return withDatabase(config, (database) => addOperatorKey(database, systemClock));
}

export interface ScalingHistory {
  /** The node that decides now; null while none does. */
  readonly leader: string | null;
  /** The newest first. */
  readonly decisions: readonly ScalingDecision[];
}

/** What the autoscaler decided last: everything, or only what changed the size of the fleet. */
export function readScaling(
  config: Config,
  page: { readonly limit: number; readonly changesOnly: boolean },
): Promise<ScalingHistory> {
  return withDatabase(config, async (database) => ({
    leader: (await readScalerLeader(database)) ?? null,
    decisions: await listDecisions(database, page),
  }));
}

/** Every node of the registry. */
export function readNodes(config: Config): Promise<RegisteredNode[]> {
  return withDatabase(config, async (database) => {
    const nodes: RegisteredNode[] = [];
    for (;;) {
      const page = await listNodes(database, { after: nodes.at(-1)?.nodeId, limit: PAGE_NODES });
      nodes.push(...page);
      if (page.length < PAGE_NODES) return nodes;
    }
  });
}

/** Says whether a tenant keeps where its pictures were taken; what it kept goes when it does not. */
export function setKeepLocation(config: Config, tenantSlug: string, keeps: boolean): Promise<void> {
  return withTenant(config, tenantSlug, (tx, tenantId) => keepLocations(tx, systemClock, tenantId, keeps));
}

/** The keys that sign a tenant's URLs, the newest first. */
export function listTenantUrlKeys(config: Config, tenantSlug: string): Promise<UrlKey[]> {
  return withTenant(config, tenantSlug, listUrlKeys);
}

/** @returns the key that signs from now on. @throws UrlKeyRefusedError when there are as many as may be. */
export function rotateTenantUrlKey(config: Config, tenantSlug: string): Promise<UrlKey> {
  return withTenant(config, tenantSlug, async (tx, tenantId) => {
    const keyId = await rotateUrlKey(tx, systemClock, tenantId);
    const key = (await listUrlKeys(tx, tenantId)).find((one) => one.keyId === keyId);
    invariant(key, 'a key just made is there');
    return key;
  });
}

/** @throws UrlKeyRefusedError when it is no live key, or the only one. */
export function retireTenantUrlKey(config: Config, tenantSlug: string, keyId: string): Promise<void> {
  return withTenant(config, tenantSlug, (tx, tenantId) => retireUrlKey(tx, systemClock, tenantId, keyId));
}

/** Does `work` for the tenant of a short name. */
export function withTenant<T>(
  config: Config,
  tenantSlug: string,
  work: (tx: Transaction, tenantId: string) => Promise<T>,
): Promise<T> {
  return withDatabase(config, async (database) => {
    const { tenantId } = await tenantNamed(database, tenantSlug);
    return database.transaction((tx) => work(tx, tenantId));
  });
}

/** Gives a tenant's dead job another chance. @returns false when there is no such dead job. */
export async function retryDeadJob(config: Config, tenantSlug: string, jobId: string): Promise<boolean> {
  return withDatabase(config, async (database) => {
    const { tenantId } = await tenantNamed(database, tenantSlug);
    return database.asTenant(tenantId, (tx) => retryJob(tx, systemClock, tenantId, jobId, 'operator'));
  });
}

/** @throws UnknownTenantError */
export async function tenantNamed(database: Database, slug: string): Promise<Tenant> {
  const tenant = await findTenant(database, slug);
  if (!tenant) throw new UnknownTenantError(`there is no tenant ${slug}`);
  return tenant;
}

/** The named database; the embedded one of a running node; or the embedded one, started for the time. */
export async function withDatabase<T>(config: Config, work: (database: Database) => Promise<T>): Promise<T> {
  const onError = () => undefined;
  const file = join(config.SAFELIGHT_DATA, DATABASE_URL_FILE);
  const url =
    config.DATABASE_DIRECT_URL ?? config.DATABASE_URL ?? (await readFile(file, 'utf8').then(trimmed, () => undefined));
  if (url !== undefined) {
    const database = new Database({
      connection: hostsOf(url),
      connectionsMax: TOOL_CONNECTIONS_MAX,
      namedStatements: false,
      proxy: config.DATABASE_DIRECT_URL === undefined && proxyOf(config) ? { direct: undefined } : undefined,
      onError,
    });
    const isThere = await database.query('SELECT 1').then(
      () => true,
      (error: unknown) => {
        // A node that was killed leaves its file behind.
        if (config.DATABASE_URL !== undefined) throw error;
        return false;
      },
    );
    try {
      if (isThere) return await work(database);
    } finally {
      await database.close();
    }
  }
  const opened = await openDatabase({
    url: undefined,
    dataDirectory: config.SAFELIGHT_DATA,
    connectionsMax: TOOL_CONNECTIONS_MAX,
    archive: config.SAFELIGHT_ARCHIVE,
    log: onError,
    onError,
  });
  try {
    return await work(opened.database);
  } finally {
    await opened.close();
  }
}

function trimmed(text: string): string {
  return text.trim();
}
