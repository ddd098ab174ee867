/** Tenants, their keys, and who a request speaks for. */
export { createKey, findKey, newKeySecret } from './keys.ts';
export type { Principal, Tenant } from './model.ts';
export { DEMO_TENANT, provisionDemo } from './provision.ts';
export { createTenant, findTenant, getTenant } from './tenants.ts';
