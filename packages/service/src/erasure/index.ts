/**
 * What must not be there any longer: everything of a tenant that is deleted, images whose time in the trash is over or
 * that are beyond their tenant's retention, and the signed receipts of what was erased.
 * It comes after the concepts whose rows it removes.
 */
export { advanceDeletion, listDeleting } from './delete-tenant.ts';
export { eraseDue } from './due.ts';
export { type ErasedImage, eraseImage } from './erase-image.ts';
export type { Erasure } from './model.ts';
export { getErasure, listErasures } from './read.ts';
export { RetentionSweep } from './retention.ts';
export { signErasures } from './sign.ts';
export { type ReceiptFindings, verifyReceipt } from './verify.ts';
