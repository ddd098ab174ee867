import { isIP } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { findTenantOfHost } from '../tenants/index.ts';
import { FreshFacts } from './fresh-facts.ts';
import type { Handler } from './handler.ts';
import { ProblemError } from './problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant whose own host the request names; null: the request names the installation. */
    hostTenant: string | null;
  }
  interface FastifyContextConfig {
    /** Served at hosts of tenants as well. */
    readonly atDomain?: boolean;
  }
}

const ENTRIES_MAX = 20_000;
/** How long a host that was given up, or proved, may be taken for what it was when word of it is lost. */
const STALE_MS_MAX = 5_000;
/** As the table has it; nothing else is looked for. */
const HOST = /^(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+$/;
/** Other paths at such a host belong to nobody, and fall through to what is answered to those. */
const IMAGE = ':image(^img_[0-9a-z]{26}$)';

interface HostFact {
  readonly host: string;
  readonly tenantId: string;
}

interface Nobodys {
  readonly tenantId: null;
}
const NOBODYS: Nobodys = { tenantId: null };

/** Whose a host is, as known here. */
export class Domains {
  readonly #own: ReadonlySet<string>;
  readonly #facts: FreshFacts<HostFact, HostFact | undefined>;
  /** Hosts that are nobody's, such as the installation's other names; apart, for anybody can name thousands. */
  readonly #nobodys: FreshFacts<Nobodys, HostFact | undefined>;

  constructor(deps: { readonly database: Database; readonly clock: Clock; readonly publicUrl: string | undefined }) {
    const { database, clock, publicUrl } = deps;
    this.#own = new Set(publicUrl === undefined ? [] : [new URL(publicUrl).hostname]);
    const bounds = { clock, entriesMax: ENTRIES_MAX, msMax: STALE_MS_MAX };
    this.#nobodys = new FreshFacts({
      ...bounds,
      ask: (host) => this.#facts.ask(host),
      keep: (_host, fact) => (fact === undefined ? NOBODYS : undefined),
    });
    this.#facts = new FreshFacts({
      ...bounds,
      ask: async (host) => {
        const tenantId = await findTenantOfHost(database, host);
        return tenantId === undefined ? undefined : { host, tenantId };
      },
      keep: (_host, fact) => fact,
    });
  }

  /** Puts the tenant of each request's host into it. A host that is known costs a look into memory. */
  register(app: FastifyInstance): void {
    app.decorateRequest('hostTenant', null);
    app.addHook('onRequest', (request, _reply, done) => {
      const { host: named } = request;
      const host = named === undefined || isIP(named) !== 0 ? '' : named.replace(/:\d+$/, '').toLowerCase();
      if (this.#own.has(host) || !HOST.test(host) || isIP(host) !== 0) return done();
      const known = this.#facts.known(host);
      if (known) return settle(request, known, done);
      if (this.#nobodys.known(host)) return done();
      this.#nobodys.ask(host).then((fact) => settle(request, fact, done), done);
    });
  }

  /** Asks anew whose hosts are; for all tenants when none is named. */
  forget(tenantId?: string): void {
    this.#facts.forgetWhere((fact) => tenantId === undefined || fact.tenantId === tenantId);
    this.#facts.forgetAsked(() => true);
    this.#nobodys.forgetWhere(() => true);
    this.#nobodys.forgetAsked(() => true);
  }
}

function settle(request: FastifyRequest, fact: HostFact | undefined, done: (error?: Error) => void): void {
  request.hostTenant = fact?.tenantId ?? null;
  // Neither the API nor the page nor other tenants' images: whoever controls a page at this host may be anybody.
  const isServed = fact === undefined || request.routeOptions.config.atDomain === true || request.method === 'OPTIONS';
  done(isServed ? undefined : new ProblemError('route_not_found'));
}

/**
 * The deliveries of a tenant at its own host: the same paths without `/i/{tenant}`, signed as they are sent there.
 * Elsewhere nothing lives at them.
 */
export function routeDomains(
  app: FastifyInstance,
  handlers: { readonly deliverOpen: Handler; readonly deliverPreset: Handler; readonly openDeliveries: Handler },
): void {
  const at = (url: string, id: string, handler: Handler) =>
    app.route({
      method: ['GET', 'HEAD'],
      url,
      config: { id, atDomain: true },
      handler: (request: FastifyRequest, reply: FastifyReply) => {
        const { hostTenant } = request;
        if (hostTenant === null) return reply.callNotFound();
        request.params = { ...(request.params as object), tenant: hostTenant };
        return handler(request, reply);
      },
    });
  at(`/${IMAGE}`, 'deliverOpen', handlers.deliverOpen);
  at(`/${IMAGE}/:preset`, 'deliverPreset', handlers.deliverPreset);
  at('/session', 'openDeliveries', handlers.openDeliveries);
}
