/** Images: acceptance of uploads, reading, deletion, and what stands at a delivery URL. */
export { type Accepted, acceptImage, type Upload } from './accept.ts';
export { type ChangedImage, changeImage } from './change.ts';
export { type DeletedImage, type DeletionRequest, deleteImage } from './delete.ts';
export { type Delivery, findDelivery, type Hurried, hurryRendition, orderForLater } from './delivery.ts';
export { DeliveryLooks } from './delivery-looks.ts';
export {
  amendIdempotencyAnswer,
  finishIdempotencyKey,
  IdempotencyKeyLostError,
  releaseIdempotencyKey,
  renewIdempotencyKey,
  sweepIdempotencyKeys,
  takeIdempotencyKey,
} from './idempotency.ts';
export { sweepMarked } from './marked.ts';
export { type Image, stateOfImage } from './model.ts';
export { findTenantOfImage } from './owner.ts';
export { purgeImage, purgeTenant } from './purge.ts';
export { getImage, getImageOrTrashed, type ImageFilter, type Lookup, listImages } from './read.ts';
export { ObjectSweep } from './sweep.ts';
export { listDue, restoreImage, trashImage } from './trash.ts';
