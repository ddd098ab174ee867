import type { PlanLimits } from '@safelight/contract';
import { countOwed } from '../renditions/index.ts';
import type { Tenant } from '../tenants/index.ts';
import { type PeriodUse, readPeriods, readStoredBytes } from '../usage/index.ts';
import type { HttpDeps } from './deps.ts';
import { FreshFacts } from './fresh-facts.ts';
import { ProblemError } from './problem.ts';

/** Beside what a node has not yet handed in of its counts, which is at most as old again. */
const STALE_MS_MAX = 2_500;
const ENTRIES_MAX = 10_000;

/** What a tenant has used of what its plan allows in a day, in a month, or at all. */
export interface QuotaUse extends PeriodUse {
  /** Renditions that are ordered and not yet made. */
  readonly rendersOwed: number;
  readonly storedBytes: number;
  /** When this was so, by this node's monotonic clock. */
  readonly readAt: number;
}

/** Refuses what a plan allows no more of, as far as this node has heard within the last seconds. */
export class Quotas {
  readonly #deps: Pick<HttpDeps, 'clock' | 'log'>;
  readonly #tenantOf: (tenantId: string) => Promise<Tenant | undefined>;
  readonly #used: FreshFacts<QuotaUse, QuotaUse>;

  constructor(
    deps: Pick<HttpDeps, 'database' | 'clock' | 'log'>,
    auth: { readonly tenant: (name: string) => Promise<Tenant | undefined> },
  ) {
    this.#deps = deps;
    this.#tenantOf = (tenantId) => auth.tenant(tenantId);
    this.#used = new FreshFacts({
      clock: deps.clock,
      entriesMax: ENTRIES_MAX,
      msMax: STALE_MS_MAX,
      ask: (tenantId) => readUse(deps, tenantId),
      keep: (_tenantId, use) => use,
    });
  }

  /** As it is now. */
  read(tenantId: string): Promise<QuotaUse> {
    return this.#used.askAnew(tenantId);
  }

  /** @throws ProblemError when the tenant may have nothing more made or stored. */
  async refuseWork(tenantId: string): Promise<void> {
    const tenant = await this.#tenantOf(tenantId);
    if (!tenant) return;
    const { rendersPerDay, renderSecondsPerMonth, storedBytesMax } = tenant.plan.limits;
    if (rendersPerDay === null && renderSecondsPerMonth === null && storedBytesMax === null) return;
    const use = await this.#know(tenantId);
    if (!use) return;
    this.#refuse('rendersPerDay', rendersPerDay, use.rendersOfDay + use.rendersOwed, use.dayLeftMs, use);
    this.#refuse('renderSecondsPerMonth', renderSecondsPerMonth, use.renderMsOfMonth / 1_000, use.monthLeftMs, use);
    if (storedBytesMax !== null && use.storedBytes >= storedBytesMax) {
      const bound = { name: 'storedBytesMax', limit: storedBytesMax, actual: use.storedBytes };
      throw new ProblemError('storage_quota_exceeded', { bound });
    }
  }

  /** @throws ProblemError when nothing more of the tenant's is delivered this month. */
  async refuseDelivery({ tenantId, plan }: Tenant): Promise<void> {
    const { bytesOutPerMonth } = plan.limits;
    if (bytesOutPerMonth === null) return;
    const use = await this.#know(tenantId);
    if (use) this.#refuse('bytesOutPerMonth', bytesOutPerMonth, use.bytesOutOfMonth, use.monthLeftMs, use);
  }

  /** What was deleted leaves room. */
  forget(tenantId?: string): void {
    if (tenantId === undefined) this.#used.forgetWhere(() => true);
    else this.#used.forget([tenantId]);
    this.#used.forgetAsked((key) => tenantId === undefined || key === tenantId);
  }

  /** A database that is away refuses nobody by itself. */
  async #know(tenantId: string): Promise<QuotaUse | undefined> {
    const known = this.#used.known(tenantId);
    if (known) return known;
    return this.#used.ask(tenantId).catch((error: unknown) => {
      this.#deps.log.warn({ err: error, tenantId }, 'how much of a plan is used could not be read');
      return undefined;
    });
  }

  #refuse(
    name: keyof PlanLimits,
    limit: number | null,
    actual: number,
    leftMs: number,
    { readAt }: Pick<QuotaUse, 'readAt'>,
  ): void {
    if (limit === null || actual < limit) return;
    const agoMs = this.#deps.clock.monotonic() - readAt;
    throw new ProblemError('quota_exceeded', {
      bound: { name, limit, actual: Math.round(actual) },
      retryAfterSeconds: Math.max(1, Math.ceil((leftMs - agoMs) / 1_000)),
    });
  }
}

async function readUse({ database, clock }: Pick<HttpDeps, 'database' | 'clock'>, tenantId: string): Promise<QuotaUse> {
  const readAt = clock.monotonic();
  const [[periods, rendersOwed], storedBytes] = await Promise.all([
    database.asTenant(tenantId, (tx) => Promise.all([readPeriods(tx, tenantId), countOwed(tx, tenantId)])),
    readStoredBytes(database, tenantId),
  ]);
  return { ...periods, rendersOwed, storedBytes, readAt };
}
