/** Originals: the uploaded bytes, immutable, once per tenant and SHA-256. */
export { type ForgottenOriginal, forgetOriginal } from './forget.ts';
export { type HeldOriginal, holdOriginal } from './hold.ts';
export { lockOriginal } from './lock.ts';
export type { NewOriginal } from './model.ts';
