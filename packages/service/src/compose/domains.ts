import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { textsByServers } from '../outbound/index.ts';
import { type Domain, type DomainAct, findTenant, listDomains, putDomain, removeDomain } from '../tenants/index.ts';
import { UnknownTenantError, withDatabase } from './tools.ts';

const ACTOR = 'operator';

/** Hosts that a tenant has claimed. @throws UnknownTenantError */
export function readDomains(config: Config, slug: string): Promise<Domain[]> {
  return withDatabase(config, async (database) => {
    const tenantId = await idOf(database, slug);
    return database.asTenant(tenantId, (tx) => listDomains(tx, tenantId));
  });
}

/**
 * Claims a host for a tenant.
 * @param isKnown the operator knows that it is the tenant's: the DNS is not asked
 * @throws UnknownTenantError, DomainRefusedError
 */
export function claimDomain(config: Config, slug: string, host: string, isKnown: boolean): Promise<Domain> {
  const texts = isKnown ? true : textsByServers;
  return actOn(config, slug, host, (database, act) => putDomain(database, systemClock, act, { texts }));
}

/** @returns false when the tenant has no such host. @throws UnknownTenantError */
export function giveUpDomain(config: Config, slug: string, host: string): Promise<boolean> {
  return actOn(config, slug, host, (database, act) => removeDomain(database, systemClock, act));
}

function actOn<T>(
  config: Config,
  slug: string,
  host: string,
  work: (database: Database, act: DomainAct) => Promise<T>,
): Promise<T> {
  return withDatabase(config, async (database) =>
    work(database, { tenantId: await idOf(database, slug), actor: ACTOR, host: host.toLowerCase() }),
  );
}

async function idOf(database: Database, slug: string): Promise<string> {
  const tenant = await findTenant(database, slug);
  if (!tenant) throw new UnknownTenantError(`there is no tenant ${slug}`);
  return tenant.tenantId;
}
