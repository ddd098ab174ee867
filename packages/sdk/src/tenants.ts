import type {
  NewTenant,
  Plan,
  PlanDocument,
  PlanList,
  TenantChange,
  TenantPage,
  TenantResource,
  TenantStatus,
  TenantWish,
} from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** The tenants of the installation, by id or short name; for keys with the scope `admin`. */
export interface Tenants {
  /** Its first `key` is shown this once. */
  create(tenant: TenantWish, options?: CallOptions): Promise<NewTenant>;
  /** A page, in the order in which they were made. `next` of a page is `after` of the one behind it. */
  list(
    options?: CallOptions & {
      readonly limit?: number | undefined;
      readonly after?: string | undefined;
      readonly status?: TenantStatus | undefined;
    },
  ): Promise<TenantPage>;
  get(tenant: string, options?: CallOptions): Promise<TenantResource>;
  /** Changes what is named. */
  change(tenant: string, change: TenantChange, options?: CallOptions): Promise<TenantResource>;
  /** Refuses its writes and holds its jobs; with `deliveries: false` nothing is delivered either. */
  suspend(
    tenant: string,
    options?: CallOptions & { readonly deliveries?: boolean | undefined },
  ): Promise<TenantResource>;
  resume(tenant: string, options?: CallOptions): Promise<TenantResource>;
  /** Ends it at once; its data are removed after, until its status is `deleted`. */
  delete(tenant: string, options?: CallOptions): Promise<TenantResource>;
  plans(options?: CallOptions): Promise<PlanList>;
  /** Makes a plan, or changes it for all its tenants. */
  putPlan(name: string, plan: Partial<PlanDocument>, options?: CallOptions): Promise<Plan>;
}

const PATH = '/v1/admin/tenants';
const PLANS_PATH = '/v1/admin/plans';

export function createTenants(transport: Transport): Tenants {
  const pathOf = (tenant: string) => `${PATH}/${encodeURIComponent(tenant)}`;
  return {
    create: (tenant, call) => json<NewTenant>(transport, { method: 'POST', path: PATH, body: tenant, ...call }),
    list: ({ signal, ...query } = {}) => json<TenantPage>(transport, { method: 'GET', path: PATH, query, signal }),
    get: (tenant, call) => json<TenantResource>(transport, { method: 'GET', path: pathOf(tenant), ...call }),
    change: (tenant, change, call) =>
      json<TenantResource>(transport, { method: 'PATCH', path: pathOf(tenant), body: change, ...call }),
    suspend: (tenant, { deliveries, signal } = {}) => {
      const query = { deliveries: deliveries === undefined ? undefined : String(deliveries) };
      return json<TenantResource>(transport, { method: 'POST', path: `${pathOf(tenant)}/suspend`, query, signal });
    },
    resume: (tenant, call) =>
      json<TenantResource>(transport, { method: 'POST', path: `${pathOf(tenant)}/resume`, ...call }),
    delete: (tenant, call) => json<TenantResource>(transport, { method: 'DELETE', path: pathOf(tenant), ...call }),
    plans: (call) => json<PlanList>(transport, { method: 'GET', path: PLANS_PATH, ...call }),
    putPlan: (name, plan, call) => {
      const path = `${PLANS_PATH}/${encodeURIComponent(name)}`;
      return json<Plan>(transport, { method: 'PUT', path, body: plan, ...call });
    },
  };
}
