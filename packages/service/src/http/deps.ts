import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import type { EventHub } from '../events/index.ts';
import type { WorkerCounts } from '../jobs/index.ts';
import type { FetchOutside } from '../outbound/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Rejection, RenditionWaiters, Reservation, SourceFacts } from '../renditions/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { LookUpTexts } from '../tenants/index.ts';
import type { NodeCounts } from '../usage/index.ts';
import type { OidcSettings } from './oidc.ts';

/** Bounds of one node's front end. */
export interface HttpLimits {
  readonly uploadBytesMax: number;
  readonly pixelsMax: number;
  readonly uploadsMax: number;
  readonly uploadIdleMs: number;
  readonly uploadRateMin: number;
  readonly waitMs: number;
  /** Renditions that one tenant may have pending before a further one by URL is refused. */
  readonly pendingMax: number;
  /** Memory for the bytes of small objects that are asked for often. */
  readonly deliveryCacheBytes: number;
  /** Predicted memory of one picture's job at most. */
  readonly jobBytesMax: number;
}

export type ProbeResult =
  | { readonly ok: true; readonly facts: SourceFacts }
  | { readonly ok: false; readonly rejection: Rejection };

export interface ReadinessCheck {
  readonly ok: boolean;
  readonly detail?: string;
}

/** What the front end is made of; joined in compose. */
export interface HttpDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly database: Database;
  readonly store: ObjectStore;
  readonly events: EventHub;
  readonly waiters: RenditionWaiters;
  readonly metrics: Metrics;
  readonly limits: HttpLimits;
  readonly version: string;
  /** Takes what was answered, by the tenant that pays. */
  readonly counts: Pick<NodeCounts, 'add'>;
  /** Asks a server that a tenant names. */
  readonly outside: FetchOutside;
  /** Asks the DNS for the texts of a name. */
  readonly texts: LookUpTexts;
  /** Looks at an uploaded object in the reserved probe process; the signal leaves the line for it. */
  readonly probe: (objectKey: string, signal?: AbortSignal) => Promise<ProbeResult>;
  /** Called after a commit that left work or events behind. */
  readonly hint: (what: 'jobs' | 'events') => void;
  /** Takes the bytes of an object that this node has just stored, if it still has them. */
  readonly takeFresh: (objectKey: string) => Buffer | undefined;
  /** Sets an idle worker of this node aside, where it has any. */
  readonly reserve: () => Reservation | undefined;
  /** The worker processes of this node, where it has any. */
  readonly workers: () => WorkerCounts | undefined;
  /** Readiness of what this node depends on, by name. */
  readonly readiness: () => Promise<Readonly<Record<string, ReadinessCheck>>>;
  /** Short name of the tenant that needs no key, if any. */
  readonly publicTenant: string | undefined;
  /** Who vouches for people besides their passwords, if anybody does. */
  readonly oidc: OidcSettings | undefined;
  /** Addresses and networks, separated by commas, that tell truly for whom they ask. */
  readonly trustedProxies: string | undefined;
  /** How clients reach this service, if it is told. */
  readonly publicUrl: string | undefined;
  /** Fires when this node is told to end: balancers should turn away, but whoever still comes is served. */
  readonly draining: AbortSignal;
  /** Fires when this node begins to shut down. */
  readonly closing: AbortSignal;
  /** Built files of the page at `/`, if there are any. */
  readonly consoleDirectory: string | undefined;
}
