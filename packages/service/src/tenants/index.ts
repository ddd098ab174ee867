/** Tenants, their keys, and who a request speaks for. */
export { createKey, findKey, newKeySecret } from './keys.ts';
export { holdLocationSetting, setKeepsLocation } from './location.ts';
export {
  IIIF_ACCESS,
  type IiifAccess,
  type Principal,
  type Tenant,
  UNSIGNED_URLS,
  type UnsignedUrls,
} from './model.ts';
export { addOperatorKey, DEMO_TENANT, provisionDemo } from './provision.ts';
export { createTenant, findTenant, getTenant, setIiif, setUnsignedUrls } from './tenants.ts';
export { listUrlKeys, retireUrlKey, rotateUrlKey, type UrlKey } from './url-keys.ts';
