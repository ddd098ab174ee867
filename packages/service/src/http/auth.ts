import type { Scope } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { isId } from '../core/ids.ts';
import { findKey, findTenant, getTenant, type Principal, type Tenant } from '../tenants/index.ts';
import type { HttpDeps } from './deps.ts';
import { FreshFacts } from './fresh-facts.ts';
import { ProblemError } from './problem.ts';
import type { LoopbackSession } from './session.ts';

/** How long a revoked key or a changed tenant may still be taken for what it was. */
const STALE_MS_MAX = 5_000;
const ENTRIES_MAX = 10_000;
/** As the table of tenants has it: whatever else a URL names, it is no tenant. */
const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Who a request speaks for, and for which tenant. */
export class Auth {
  readonly #session: LoopbackSession;
  readonly #principals: LRUCache<string, Principal>;
  readonly #tenants: FreshFacts<Tenant, Tenant | undefined>;
  /** Names that no tenant has: asked for again as seldom as the others, so that the time an answer takes tells nothing. */
  readonly #nobodies = new LRUCache<string, true>({ max: ENTRIES_MAX, ttl: STALE_MS_MAX });

  constructor(deps: Pick<HttpDeps, 'database' | 'clock'>, session: LoopbackSession) {
    const { database, clock } = deps;
    this.#session = session;
    // `fetch` is single-flight: a burst with one key asks the database once.
    this.#principals = new LRUCache({
      max: ENTRIES_MAX,
      ttl: STALE_MS_MAX,
      fetchMethod: (secret) => findKey(database, secret),
    });
    this.#tenants = new FreshFacts({
      clock,
      entriesMax: ENTRIES_MAX,
      msMax: STALE_MS_MAX,
      ask: (name) => (isId('tenant', name) ? getTenant(database, name) : findTenant(database, name)),
      keep: (_name, tenant) => tenant,
    });
  }

  /** @throws ProblemError when the request carries no valid key or session, or one without `scope`. */
  async principal(request: FastifyRequest, scope: Scope): Promise<Principal> {
    const principal = (await this.#byKey(request)) ?? (await this.#bySession(request));
    if (!principal) throw new ProblemError('key_missing', { detail: 'Send the header Authorization: Bearer KEY.' });
    if (!principal.scopes.includes(scope)) {
      throw new ProblemError('scope_missing', { detail: `This route needs the scope ${scope}.` });
    }
    return principal;
  }

  /** The tenant of a short name or an id. */
  async tenant(name: string): Promise<Tenant | undefined> {
    if (!SLUG.test(name) && !isId('tenant', name)) return undefined;
    const known = this.#tenants.known(name);
    if (known || this.#nobodies.has(name)) return known;
    const tenant = await this.#tenants.ask(name);
    if (!tenant) this.#nobodies.set(name, true);
    return tenant;
  }

  /** Asks for a tenant anew, by whatever name; for every one, when none is told. */
  forgetTenant(tenantId?: string): void {
    this.#tenants.forgetWhere((tenant) => tenantId === undefined || tenant.tenantId === tenantId);
    this.#tenants.forgetAsked(() => true);
  }

  async #byKey(request: FastifyRequest): Promise<Principal | undefined> {
    const header = request.headers.authorization;
    if (header === undefined) return undefined;
    const secret = /^Bearer ([^\s]{1,200})$/i.exec(header)?.[1];
    const principal = secret === undefined ? undefined : await this.#principals.fetch(secret);
    if (!principal) throw new ProblemError('key_invalid');
    return principal;
  }

  async #bySession(request: FastifyRequest): Promise<Principal | undefined> {
    const slug = this.#session.tenantOf(request);
    const tenant = slug === undefined ? undefined : await this.tenant(slug);
    return tenant && { tenantId: tenant.tenantId, actor: 'session', scopes: ['images:read', 'images:write'] };
  }
}
