import type { NewTenant, Plan, PlanDocument, PlanList, TenantResource, TenantStatus } from '@safelight/contract';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import {
  addTenant,
  beginTenantDeletion,
  changeTenant,
  findTenant,
  listPlans,
  listTenants,
  putPlan,
  resumeTenant,
  suspendTenant,
  type Tenant,
  type TenantChange,
  toPlanList,
  toPlanResource,
  toTenantResource,
} from '../tenants/index.ts';
import { UnknownTenantError, withDatabase } from './tools.ts';

const PAGE_TENANTS = 500;
const ACTOR = 'operator';

/** Makes a tenant with a key that may read and write its images. @throws TenantRefusedError when the name is taken. */
export function makeTenant(config: Config, slug: string, wishes: TenantChange): Promise<NewTenant> {
  return withDatabase(config, async (database) => {
    const add = (tx: Transaction) => addTenant(tx, systemClock, { slug, actor: ACTOR, ...wishes });
    const { key } = await database.transaction(add);
    return { ...toTenantResource(await tenantNamed(database, slug)), key };
  });
}

/** Every tenant, or those of one status, in the order in which they were made. */
export function readTenants(config: Config, status: TenantStatus | undefined): Promise<TenantResource[]> {
  return withDatabase(config, async (database) => {
    const tenants: TenantResource[] = [];
    for (;;) {
      const page = await listTenants(database, { after: tenants.at(-1)?.id, limit: PAGE_TENANTS, status });
      tenants.push(...page.map(toTenantResource));
      if (page.length < PAGE_TENANTS) return tenants;
    }
  });
}

export function readTenant(config: Config, slug: string): Promise<TenantResource> {
  return withDatabase(config, async (database) => toTenantResource(await tenantNamed(database, slug)));
}

/** Changes what is named. */
export function alterTenant(config: Config, slug: string, change: TenantChange): Promise<TenantResource> {
  return act(config, slug, (tx, whose) => changeTenant(tx, systemClock, whose, change));
}

/** Suspends, resumes or begins to delete a tenant; a running node does the rest. */
export function moveTenant(
  config: Config,
  slug: string,
  move: { readonly to: 'suspended'; readonly delivers: boolean } | { readonly to: 'active' | 'deleting' },
): Promise<TenantResource> {
  return act(config, slug, (tx, whose) => {
    if (move.to === 'suspended') return suspendTenant(tx, systemClock, whose, move.delivers);
    return move.to === 'active' ? resumeTenant(tx, systemClock, whose) : beginTenantDeletion(tx, systemClock, whose);
  });
}

export function readPlans(config: Config): Promise<PlanList> {
  return withDatabase(config, async (database) => toPlanList(await listPlans(database)));
}

/** Makes a plan or changes it for all its tenants. @throws TenantRefusedError for the built-in one. */
export function writePlan(config: Config, name: string, document: PlanDocument): Promise<Plan> {
  return withDatabase(config, (database) =>
    database.transaction(async (tx) =>
      toPlanResource(await putPlan(tx, systemClock, { name, actor: ACTOR, document })),
    ),
  );
}

function act(
  config: Config,
  slug: string,
  work: (tx: Transaction, whose: { readonly tenantId: string; readonly actor: string }) => Promise<boolean>,
): Promise<TenantResource> {
  return withDatabase(config, async (database) => {
    const { tenantId } = await tenantNamed(database, slug);
    await database.transaction((tx) => work(tx, { tenantId, actor: ACTOR }));
    return toTenantResource(await tenantNamed(database, slug));
  });
}

async function tenantNamed(database: Database, slug: string): Promise<Tenant> {
  const tenant = await findTenant(database, slug);
  if (!tenant) throw new UnknownTenantError(`there is no tenant ${slug}`);
  return tenant;
}
