import type { FastifyRequest } from 'fastify';
import type { TenantPlaces } from '../core/tenant-places.ts';
import type { Principal, Tenant } from '../tenants/index.ts';
import type { Auth } from './auth.ts';
import type { BudgetGuard } from './budget-guard.ts';
import type { DeliveryFacts } from './deliveries.ts';
import type { HttpDeps } from './deps.ts';
import type { Domains } from './domains.ts';
import type { IiifImages } from './iiif-images.ts';
import type { NegotiatedBefore } from './negotiated-before.ts';
import type { ObjectCache } from './object-cache.ts';
import type { Orders } from './orders.ts';
import type { PersonSessions } from './person-sessions.ts';
import type { Positions } from './positions.ts';
import { ProblemError } from './problem.ts';
import type { Quotas } from './quotas.ts';
import type { TenantRates } from './rates.ts';
import type { LoopbackSession } from './session.ts';
import type { Uploads } from './uploads.ts';

/** What the handlers work with. */
export interface HttpContext extends HttpDeps {
  readonly auth: Auth;
  readonly session: LoopbackSession;
  readonly domains: Domains;
  readonly people: PersonSessions;
  /** How new the answers to each caller have to be. */
  readonly positions: Positions;
  readonly budgets: BudgetGuard;
  /** What plans allow per second, and in a day, a month or at all. */
  readonly rates: TenantRates;
  readonly quotas: Quotas;
  readonly uploads: Uploads;
  readonly deliveries: DeliveryFacts;
  readonly orders: Orders;
  readonly negotiated: NegotiatedBefore;
  readonly iiifImages: IiifImages;
  /** Bytes of small objects that are asked for often. */
  readonly objects: ObjectCache;
  /** Event streams that are open. */
  readonly streams: TenantPlaces;
}

/** The tenant that `principal` speaks for. */
export async function tenantOf(context: HttpContext, principal: Principal): Promise<Tenant> {
  const tenant = await context.auth.tenant(principal.tenantId);
  if (!tenant) throw new ProblemError('key_invalid');
  return tenant;
}

/** What absolute URLs in an answer begin with: what the installation was told, or the Host that this client named. */
export function baseUrl(context: HttpContext, request: FastifyRequest): string {
  return (
    context.publicUrl ?? `${request.protocol}://${request.headers.host ?? `127.0.0.1:${request.socket.localPort}`}`
  );
}
