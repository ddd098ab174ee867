import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { newId } from '../core/ids.ts';
import { TokenBucket } from '../core/token-bucket.ts';
import type { Tenant, TenantPlan } from '../tenants/index.ts';
import { agreeOnRates, countFrontNodes, type Rate, type RateReport } from '../usage/index.ts';
import type { HttpDeps } from './deps.ts';
import { Pace } from './pace.ts';
import { ProblemError } from './problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** How the tenant of the request stands to its rate; null: it has none. */
    rateLimit: RateStanding | null;
    /** At what paces its tenant's bytes may come and go; null: at any. */
    paces: Paces | null;
  }
}

interface Paces {
  readonly bytesIn: Pace | undefined;
  readonly bytesOut: Pace | undefined;
}

export interface RateStanding {
  /** Requests at once after a rest, and the seconds in which as many more come. */
  readonly burst: number;
  readonly windowSeconds: number;
  /** That may follow at once, and seconds until there are as many as can be. */
  readonly remaining: number;
  readonly resetSeconds: number;
}

type RateDeps = Pick<HttpDeps, 'database' | 'clock' | 'log' | 'closing'>;

/** Nodes agree this often: with the time of a statement and of the other's word, a share is at most five seconds old. */
const AGREE_MS = 2_000;
const FRONTS_MS = 10_000;
/** A tenant of whom nothing was asked for as long gives its share back. */
const IDLE_MS = 10_000;
const TENANTS_MAX = 10_000;
/** A database that is away holds no request up for longer: what is ready is delivered without it. */
const MEET_MS_MAX = 1_000;
const RETRY_SECONDS_MAX = 60;
/** By the contract, where a plan names no burst. */
const BURST_SECONDS = 10;

/** One tenant's rates on this node. */
class Limited implements Paces {
  readonly tenantId: string;
  plan: TenantPlan;
  requests: TokenBucket | undefined;
  bytesIn: Pace | undefined;
  bytesOut: Pace | undefined;
  askedAt: number;
  /** Requests since the last report, and what was wanted by it, per second. */
  asked = 0;
  wanted = 0;
  /** When this node last had its share of the rates; undefined: it has to ask before the next request. */
  agreedAt: number | undefined;
  /** Requests per second on this node. */
  share = 0;
  meeting: Promise<void> | undefined;

  constructor({ tenantId, plan }: Tenant, now: number) {
    this.tenantId = tenantId;
    this.plan = plan;
    this.askedAt = now;
  }
}

/**
 * Holds tenants to the rates of their plans: requests over the rate are refused, bytes are slowed. Nodes share a rate
 * and agree every two seconds on who uses how much of it, so that no request asks anybody; the first of a tenant that
 * this node has not met waits for its share, some milliseconds. While the database is away, what was agreed on last
 * holds. A tenant without limits costs a comparison.
 */
export class TenantRates {
  readonly #deps: RateDeps;
  readonly #nodeId: string;
  readonly #known = new LRUCache<string, Limited>({ max: TENANTS_MAX });
  #fronts = { count: 1, at: Number.NEGATIVE_INFINITY };
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: RateDeps) {
    this.#deps = deps;
    // Of the run, not of the node: what a killed one held is given back when it would have told so again.
    this.#nodeId = newId('node', deps.clock);
    deps.closing.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  /** Tells each answer how its tenant stands to its rate, in the form of draft-ietf-httpapi-ratelimit-headers-10. */
  register(app: FastifyInstance): void {
    app.decorateRequest('rateLimit', null);
    app.decorateRequest('paces', null);
    app.addHook('onSend', (request, reply, _payload, done) => {
      if (request.rateLimit !== null) {
        const { burst, windowSeconds, remaining, resetSeconds } = request.rateLimit;
        reply.header('ratelimit-policy', `"requests";q=${burst};w=${windowSeconds}`);
        reply.header('ratelimit', `"requests";r=${remaining};t=${resetSeconds}`);
      }
      done();
    });
  }

  /** Counts a request of the tenant's. @throws ProblemError `rate_limited` when it is one too many. */
  async admit(request: FastifyRequest, tenant: Tenant): Promise<void> {
    const { requestsPerSecond, bytesInPerSecond, bytesOutPerSecond } = tenant.plan.limits;
    if (requestsPerSecond === null && bytesInPerSecond === null && bytesOutPerSecond === null) return;
    const known = this.#know(tenant);
    if (known.agreedAt === undefined) await this.#meet(known);
    request.paces = known;
    const { requests } = known;
    if (requestsPerSecond === null || requests === undefined) return;
    const now = this.#deps.clock.monotonic();
    known.asked += 1;
    const isAdmitted = requests.tokens(now) >= 1;
    if (isAdmitted) requests.draw(1, now);
    const standing = standingOf(known, requestsPerSecond, now);
    request.rateLimit = standing;
    if (isAdmitted) return;
    const seconds = Math.ceil(requests.msUntil(1, now) / 1_000);
    throw new ProblemError('rate_limited', {
      detail: `The plan ${tenant.plan.name} allows ${requestsPerSecond} requests per second.`,
      bound: { name: 'requestsPerSecond', limit: requestsPerSecond },
      retryAfterSeconds: Math.min(RETRY_SECONDS_MAX, Math.max(1, seconds)),
    });
  }

  /** How the tenant stands to its rate of requests on this node. */
  standing({ tenantId, plan }: Tenant): RateStanding | undefined {
    const known = this.#known.get(tenantId);
    const rate = plan.limits.requestsPerSecond;
    return known?.requests && rate !== null ? standingOf(known, rate, this.#deps.clock.monotonic()) : undefined;
  }

  #know(tenant: Tenant): Limited {
    const { clock } = this.#deps;
    const now = clock.monotonic();
    let known = this.#known.get(tenant.tenantId);
    if (!known) {
      known = new Limited(tenant, now);
      this.#known.set(tenant.tenantId, known);
    }
    const { name, version } = tenant.plan;
    const isChanged = known.plan.name !== name || known.plan.version !== version;
    if (isChanged || now - known.askedAt >= IDLE_MS) known.agreedAt = undefined;
    known.plan = tenant.plan;
    known.askedAt = now;
    return known;
  }

  /** The first agreement on a tenant's rates; who asks meanwhile waits for the same. */
  #meet(known: Limited): Promise<void> {
    known.meeting ??= this.#agree([known])
      .catch(() => this.#apply(known, new Map()))
      .finally(() => {
        known.meeting = undefined;
        this.#timer ??= this.#deps.closing.aborted ? undefined : setTimeout(() => this.#again(), AGREE_MS);
      });
    return known.meeting;
  }

  /** Those of whom something was asked lately; the others' shares lapse. */
  #again(): void {
    const now = this.#deps.clock.monotonic();
    const active = [...this.#known.values()].filter((known) => now - known.askedAt < IDLE_MS);
    const { closing, log } = this.#deps;
    const agreed = active.length === 0 ? Promise.resolve() : this.#agree(active);
    agreed
      .catch((error: unknown) => {
        if (!closing.aborted) log.warn({ err: error }, 'rates will be agreed on later');
      })
      .finally(() => {
        if (!closing.aborted) this.#timer = setTimeout(() => this.#again(), AGREE_MS);
      });
  }

  async #agree(tenants: readonly Limited[]): Promise<void> {
    const { database, clock } = this.#deps;
    const now = clock.monotonic();
    if (now - this.#fronts.at > FRONTS_MS) {
      this.#fronts = { count: Math.max(1, await withinMs(countFrontNodes(database))), at: now };
    }
    const reports = tenants.map((known) => reportsOf(known, now));
    const shares = await withinMs(agreeOnRates(database, this.#nodeId, reports.flat(), this.#fronts.count));
    let next = 0;
    tenants.forEach((known, index) => {
      const told = reports[index] ?? [];
      this.#apply(known, new Map(told.map(({ rate }, place) => [rate, shares[next + place]])));
      next += told.length;
    });
  }

  /** Where nothing was agreed on, an equal part of what all nodes may use. */
  #apply(known: Limited, shares: ReadonlyMap<Rate, number | undefined>): void {
    const { clock } = this.#deps;
    const now = clock.monotonic();
    known.agreedAt = now;
    const { requestsPerSecond, bytesInPerSecond, bytesOutPerSecond } = known.plan.limits;
    const shareOf = (rate: Rate, limit: number) => shares.get(rate) ?? limit / this.#fronts.count;
    if (requestsPerSecond === null) known.requests = undefined;
    else {
      known.share = shareOf('requests', requestsPerSecond);
      // One at least, however many nodes share a small burst.
      const capacity = Math.max(1, (burstOf(known.plan) * known.share) / requestsPerSecond);
      known.requests ??= new TokenBucket(known.share, capacity, now);
      known.requests.set(known.share, capacity, now);
    }
    known.bytesIn = paceOf(clock, known.bytesIn, bytesInPerSecond && shareOf('bytesIn', bytesInPerSecond));
    known.bytesOut = paceOf(clock, known.bytesOut, bytesOutPerSecond && shareOf('bytesOut', bytesOutPerSecond));
  }
}

/** What was asked for since the last report. A want is forgotten by halves, so that a pause between two pages is none. */
function reportsOf(known: Limited, now: number): RateReport[] {
  const { tenantId, plan, agreedAt } = known;
  const { requestsPerSecond, bytesInPerSecond, bytesOutPerSecond } = plan.limits;
  const seconds = agreedAt === undefined ? undefined : Math.max(0.1, (now - agreedAt) / 1_000);
  known.wanted = Math.max(known.wanted / 2, seconds === undefined ? 0 : known.asked / seconds);
  known.asked = 0;
  const bytesOf = (pace: Pace | undefined, limit: number) => {
    const demand = pace?.takeDemand();
    if (!demand || seconds === undefined) return 0;
    return demand.hasHeld ? limit : demand.bytes / seconds;
  };
  const reports: RateReport[] = [];
  if (requestsPerSecond !== null)
    reports.push({ tenantId, rate: 'requests', limit: requestsPerSecond, wanted: known.wanted });
  if (bytesInPerSecond !== null) {
    const wanted = bytesOf(known.bytesIn, bytesInPerSecond);
    reports.push({ tenantId, rate: 'bytesIn', limit: bytesInPerSecond, wanted });
  }
  if (bytesOutPerSecond !== null) {
    const wanted = bytesOf(known.bytesOut, bytesOutPerSecond);
    reports.push({ tenantId, rate: 'bytesOut', limit: bytesOutPerSecond, wanted });
  }
  return reports;
}

function paceOf(clock: HttpDeps['clock'], standing: Pace | undefined, share: number | null): Pace | undefined {
  if (share === null) {
    // What flows still is held by nothing.
    standing?.set(Number.MAX_SAFE_INTEGER);
    return undefined;
  }
  if (!standing) return new Pace(clock, share);
  standing.set(share);
  return standing;
}

function burstOf({ limits: { requestsPerSecond, requestsBurst } }: Pick<TenantPlan, 'limits'>): number {
  return requestsBurst ?? Math.max(1, Math.ceil((requestsPerSecond ?? 0) * BURST_SECONDS));
}

function standingOf(known: Limited, requestsPerSecond: number, now: number): RateStanding {
  const burst = burstOf(known.plan);
  const { share, requests } = known;
  const missingMs = requests && share > 0 ? requests.msUntil((burst * share) / requestsPerSecond, now) : 0;
  return {
    burst,
    windowSeconds: Math.max(1, Math.ceil(burst / requestsPerSecond)),
    remaining: Math.max(0, Math.floor(requests?.tokens(now) ?? 0)),
    resetSeconds: Math.ceil(missingMs / 1_000),
  };
}

async function withinMs<T>(asked: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('the database takes too long to tell of rates')), MEET_MS_MAX);
  try {
    return await Promise.race([asked, promise]);
  } finally {
    clearTimeout(timer);
  }
}
