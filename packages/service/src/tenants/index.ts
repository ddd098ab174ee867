/** Tenants, their keys, and who a request speaks for. */
export { addTenant } from './add.ts';
export {
  beginTenantDeletion,
  changeTenant,
  endTenantDeletion,
  listNotActive,
  listTenants,
  resumeTenant,
  suspendTenant,
  type TenantChange,
  TenantRefusedError,
  UnknownPlanError,
} from './change.ts';
export {
  DOMAINS_MAX,
  type Domain,
  type DomainAct,
  DomainRefusedError,
  findTenantOfHost,
  type LookUpTexts,
  listDomains,
  proofName,
  proofText,
  putDomain,
  removeDomain,
} from './domains.ts';
export {
  type ApiKey,
  createKey,
  findKey,
  getKey,
  KeyRefusedError,
  listKeys,
  newKeySecret,
  revokeKey,
  rotateKey,
  sweepKeys,
  touchKeys,
} from './keys.ts';
export { holdLocationSetting, setKeepsLocation } from './location.ts';
export {
  IIIF_ACCESS,
  type IiifAccess,
  type Principal,
  type Tenant,
  TenantNotActiveError,
  type TenantPlan,
  UNSIGNED_URLS,
  type UnsignedUrls,
} from './model.ts';
export { type ListedPlan, listPlans, putPlan } from './plans.ts';
export {
  BUILT_IN_PRESETS,
  onUpload,
  type PresetRows,
  presetOf,
  presetsColumn,
  type TenantPreset,
  type TenantPresets,
  toPresets,
} from './presets.ts';
export { addOperatorKey, DEMO_TENANT, provisionDemo } from './provision.ts';
export { toPlanList, toPlanResource, toTenantResource } from './resource.ts';
export { createTenant, findTenant, getTenant } from './tenants.ts';
export { listUrlKeys, retireUrlKey, rotateUrlKey, type UrlKey } from './url-keys.ts';
