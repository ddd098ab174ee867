import type { Plan, PlanList, TenantResource } from '@safelight/contract';
import type { Tenant } from './model.ts';
import type { DatedPlan, ListedPlan } from './plans.ts';

/** As operators read it: nothing that signs. */
export function toTenantResource(tenant: Tenant): TenantResource {
  const { tenantId, slug, displayName, status, statusAt, delivers, plan, weight, settings, createdAt } = tenant;
  const { unsignedUrls, iiif, keepsLocation } = tenant;
  return {
    id: tenantId,
    name: slug,
    ...(displayName !== undefined && { displayName }),
    status,
    statusAt: statusAt.toISOString(),
    delivers,
    plan: plan.name,
    weight,
    unsignedUrls,
    iiif,
    keepsLocation,
    settings,
    createdAt: createdAt.toISOString(),
  };
}

export function toPlanResource({ changedAt, ...plan }: DatedPlan): Plan {
  return { ...plan, changedAt: changedAt.toISOString() };
}

export function toPlanList(plans: readonly ListedPlan[]): PlanList {
  return { plans: plans.map(({ tenants, ...plan }) => ({ ...toPlanResource(plan), tenants })) };
}
