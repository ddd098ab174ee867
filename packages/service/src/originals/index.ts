/** Originals: the uploaded bytes, immutable, once per tenant and SHA-256. */
export { type ForgottenOriginal, forgetOriginal } from './forget.ts';
export { type HeldOriginal, holdOriginal } from './hold.ts';
export { keepLocations, locateOriginal } from './location.ts';
export { lockOriginal } from './lock.ts';
export type { Location, NewOriginal } from './model.ts';
