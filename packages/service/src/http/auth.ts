import { ROLE_SCOPES, type Scope } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { isId } from '../core/ids.ts';
import type { PersonSession } from '../people/index.ts';
import { findKey, findTenant, getTenant, type Principal, type Tenant, touchKeys } from '../tenants/index.ts';
import type { HttpDeps } from './deps.ts';
import { FreshFacts } from './fresh-facts.ts';
import { LastUse } from './last-use.ts';
import type { LoggedIn, PersonSessions } from './person-sessions.ts';
import { ProblemError } from './problem.ts';
import type { TenantRates } from './rates.ts';
import { Secrets } from './secrets.ts';
import type { LoopbackSession } from './session.ts';
import { isEnding } from './standing.ts';

/** How long a changed tenant may still be taken for what it was. */
const STALE_MS_MAX = 5_000;
const ENTRIES_MAX = 10_000;
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);
/** As the table of tenants has it: whatever else a URL names, it is no tenant. */
const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/;
/**
 * What the page of a public tenant may do without a log-in. Nothing that outlives the node, such as a key, and nothing
 * that is not for whoever reaches it.
 */
export const LOOPBACK_SCOPES: readonly Scope[] = ['images:read', 'images:write', 'usage:read'];

/** By what a request speaks for somebody. */
export type Caller =
  | { readonly kind: 'key' | 'loopback'; readonly principal: Principal }
  | { readonly kind: 'person'; readonly principal: Principal; readonly loggedIn: LoggedIn };

/** Who a request speaks for, and for which tenant. */
export class Auth {
  readonly #session: LoopbackSession;
  readonly #people: PersonSessions;
  readonly #rates: Pick<TenantRates, 'admit'>;
  readonly #keys: Secrets<Principal>;
  readonly #tenants: FreshFacts<Tenant, Tenant | undefined>;
  /** Names that no tenant has: asked for again as seldom as the others, so that the time an answer takes tells nothing. */
  readonly #nobodies = new LRUCache<string, true>({ max: ENTRIES_MAX, ttl: STALE_MS_MAX });

  constructor(deps: HttpDeps, session: LoopbackSession, people: PersonSessions, rates: Pick<TenantRates, 'admit'>) {
    const { database, clock } = deps;
    this.#session = session;
    this.#people = people;
    this.#rates = rates;
    this.#keys = new Secrets({
      clock,
      uses: new LastUse({ ...deps, write: (used) => touchKeys(database, used) }),
      find: (secret) => findKey(database, secret),
      idOf: ({ actor }) => actor,
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
    const { principal } = await this.caller(request);
    const tenant = await this.tenant(principal.tenantId);
    // Whoever is suspended may look, and see why.
    if (tenant?.status === 'suspended' && !READS.has(request.method)) throw new ProblemError('tenant_suspended');
    if (!principal.scopes.includes(scope)) {
      throw new ProblemError('scope_missing', { detail: `This route needs the scope ${scope}.` });
    }
    if (tenant) await this.#rates.admit(request, tenant);
    request.billedTo = principal.tenantId;
    return principal;
  }

  /** A key goes before a person who has logged in, and that before the page of this machine. @throws ProblemError */
  async caller(request: FastifyRequest): Promise<Caller> {
    const caller = (await this.#byKey(request)) ?? (await this.#byPerson(request)) ?? (await this.#byLoopback(request));
    if (!caller) throw new ProblemError('key_missing', { detail: 'Send the header Authorization: Bearer KEY.' });
    const tenant = await this.tenant(caller.principal.tenantId);
    if (tenant && isEnding(tenant.status)) throw new ProblemError('key_invalid');
    return caller;
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

  /** What a person may do in the tenant of a session. */
  principalOf({ tenantId, personId, role }: PersonSession): Principal {
    return { tenantId, actor: personId, scopes: ROLE_SCOPES[role] };
  }

  /** Asks for a key anew, by whatever secret. */
  forgetKey(keyId: string): void {
    this.#keys.forget(({ actor }) => actor === keyId);
  }

  async #byKey(request: FastifyRequest): Promise<Caller | undefined> {
    const header = request.headers.authorization;
    if (header === undefined) return undefined;
    const secret = /^Bearer ([^\s]{1,200})$/i.exec(header)?.[1];
    const principal = secret === undefined ? undefined : await this.#keys.bearer(secret);
    if (!principal) throw new ProblemError('key_invalid');
    return { kind: 'key', principal };
  }

  async #byPerson(request: FastifyRequest): Promise<Caller | undefined> {
    const loggedIn = await this.#people.of(request);
    if (!loggedIn) return undefined;
    return { kind: 'person', principal: this.principalOf(loggedIn.session), loggedIn };
  }

  async #byLoopback(request: FastifyRequest): Promise<Caller | undefined> {
    const slug = this.#session.tenantOf(request);
    const tenant = slug === undefined ? undefined : await this.tenant(slug);
    if (!tenant) return undefined;
    return {
      kind: 'loopback',
      principal: { tenantId: tenant.tenantId, actor: 'session', scopes: LOOPBACK_SCOPES },
    };
  }
}
