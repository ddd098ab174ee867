/** Uploads that take several requests, resumable or straight to the object store, and the tokens that let browsers make them. */
export { finishUpload, forgetUploadsOf, refuseUpload, removeUpload } from './end.ts';
export { releaseUpload, renewUpload, takeUpload } from './lease.ts';
export { type UploadHold, type UploadInProgress, UploadLostError } from './model.ts';
export { openUpload, TooManyUploadsError } from './open.ts';
export { addPart, listParts, TooManyPartsError } from './parts.ts';
export { getUpload } from './read.ts';
export { sweepUploads } from './sweep.ts';
export {
  createUploadToken,
  findUploadToken,
  newUploadTokenSecret,
  spendUploadToken,
  type UploadToken,
  UploadTokenSpentError,
} from './tokens.ts';
