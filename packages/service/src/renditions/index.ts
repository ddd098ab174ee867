/** Renditions: one original under one transformation; ordering, rendering, ending and waiting for them. */
export { BOUNDS_DEFAULT, type Bounds } from './bounds.ts';
export { renditionDigest, versionOfDigest } from './digest.ts';
export { failRest, renditionEvent, retryJob } from './end.ts';
export { explainRendition } from './explain.ts';
export type { HeaderFacts } from './header.ts';
export { detectIsolation, type Isolation } from './isolation.ts';
export { type Looks, type LooksRow, looksColumns, toLooks } from './looks.ts';
export { withoutMark } from './marks.ts';
export { type Rendition, type RenditionRow, renditionColumns, toRendition } from './model.ts';
export { orderByUrl, orderRenditions, readTransformation } from './order.ts';
export { predictJob } from './predict.ts';
export { startWorkerProcess, WorkerDiedError, type WorkerProcess } from './process.ts';
export type { Rejection, SourceFacts } from './protocol.ts';
export { foreseePyramid, forgetPyramid } from './pyramid-use.ts';
export { remakeRendition } from './remake.ts';
export { type RenderDeps, renderJob } from './render.ts';
export { ORIGINAL_FILE } from './scratch.ts';
export { RenditionWaiters } from './waiters.ts';
