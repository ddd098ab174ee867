/**
 * What happened. Business transactions tell the log in passing (`recordEvent`), one sealer per installation puts the
 * events into an order that nothing can appear before any more, chains and signs them (`Sealer`), and everybody who
 * wants to know follows positions (`readEvents`, `EventHub`). `verifyEvents` finds what was changed behind our back.
 *
 * The order is that of the transactions' births (their ids), not of their commits: a transaction that wrote before it
 * waited for another stands before that one.
 */

export { type Anchors, anchoredPosition } from './anchor.ts';
export { listenForDeeds } from './deeds.ts';
export { eraseImageEvents, eraseTenantEvents } from './erase.ts';
export type { Finding, FindingKind, VerifyReport } from './findings.ts';
export { EventHub, type FollowOptions } from './hub.ts';
export type { Deed, NewEvent, NewEventOf, SealedEvent } from './model.ts';
export { EVENTS_CHANNEL } from './model.ts';
export { publishSealingKey, readPublishedKeys } from './published-keys.ts';
export { finishPurges, type PurgePass, type Purges, readPurges, releasePurges } from './purges.ts';
export { type EventRange, readEvents, readHeadPosition } from './read.ts';
export { recordEvent, recordEvents } from './record.ts';
export { Sealer } from './sealer.ts';
export { loadSealingKey, type SealingKey, sealingKeyFromPem, sealingKeyId, signatureCheck } from './sealing-key.ts';
export { type EventSearch, type FoundEvent, searchEvents } from './search.ts';
export { followStale, type Stale } from './stale.ts';
export type { SealerDeps } from './term.ts';
export { type VerifyOptions, verifyEvents } from './verify.ts';
