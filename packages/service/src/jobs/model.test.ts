import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryQueue } from '../../../../test/sim/memory-queue.ts';
import { connectAsSuperuser, createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import {
  type ClaimedJob,
  cancelJobs,
  claim,
  complete,
  enqueue,
  enqueueLeased,
  enqueueMany,
  isHeld,
  LANES,
  type NewJob,
  promote,
  type Release,
  reapExpired,
  release,
  renew,
  retryDead,
  tendQueue,
} from './index.ts';
import { LEASE_AHEAD_MS_MAX, RETRY_BACKOFF } from './policy.ts';

const ORIGINALS = 4;
const WEIGHTS = [1, 3];
const FAR = { lease: LEASE_AHEAD_MS_MAX + 1_000, delay: RETRY_BACKOFF.capMs + 1_000 };

const pick = fc.nat({ max: 999 });
const lane = fc.constantFrom(...LANES);
const asked = fc.record({
  tenant: fc.nat({ max: 1 }),
  original: fc.nat({ max: ORIGINALS - 1 }),
  lane,
  cost: fc.integer({ min: 1, max: 5_000 }),
});
const reason: fc.Arbitrary<Release> = fc.constantFrom(
  { reason: 'drain' },
  { reason: 'worker_died', message: 'killed by SIGSEGV' },
  { reason: 'retry', cause: { code: 'object_store_unavailable', message: 'no answer' } },
);
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('enqueue' as const), asked }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('enqueueMany' as const), many: fc.array(asked, { maxLength: 6 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('enqueueLeased' as const), asked, node: fc.nat({ max: 2 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      node: fc.nat({ max: 2 }),
      max: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('complete' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('renew' as const), pick }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      pick,
      reason,
      random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('promote' as const), pick, byOther: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire' as const), pick, far: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fallDue' as const), pick, far: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retryDead' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), asked }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

describe.each([18, 15] as const)('the SQL and the policy on PostgreSQL %d', (major) => {
  let stand: TestDatabase;
  let superuser: pg.Client;
  let originals: string[][];

  beforeAll(async () => {
    stand = await createTestDatabase(major);
    superuser = await connectAsSuperuser(stand);
    const tenants = [stand.tenants.a, stand.tenants.b];
    originals = [];
    for (const [index, tenant] of tenants.entries()) {
      await superuser.query('UPDATE tenants SET weight = $2 WHERE tenant_id = $1', [tenant, WEIGHTS[index]]);
      originals.push(await insertOriginals(stand.database, tenant, ORIGINALS));
    }
  });
  afterAll(async () => {
    await superuser.end();
    await stand.close();
  });

  test('agree on every answer and every row after any sequence of commands', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 30, maxLength: 90, size: 'max' }), async (commands) => {
        await superuser.query(`DELETE FROM jobs; DELETE FROM tenant_lanes;
          ALTER SEQUENCE claim_tickets RESTART; ALTER SEQUENCE lane_clock_live RESTART;
          ALTER SEQUENCE lane_clock_normal RESTART; ALTER SEQUENCE lane_clock_batch RESTART;
          UPDATE lane_floors SET floor = 0, clock_noted = 0, next_at = '-infinity', noted_at = '-infinity'`);
        const run = new Run(stand, superuser, originals);
        for (const [step, one] of commands.entries()) {
          await run.do(one);
          expect(await run.rows(), `after step ${step}: ${JSON.stringify(one)}`).toEqual(run.expectedRows());
        }
      }),
      { numRuns: 25 },
    );
  });
});

class Run {
  readonly #stand: TestDatabase;
  readonly #superuser: pg.Client;
  readonly #originals: readonly string[][];
  readonly #model: MemoryQueue;
  readonly #tenants: readonly string[];
  /** Every claim there was, those that have been lost since among them. */
  readonly #claims: ClaimedJob[] = [];

  constructor(stand: TestDatabase, superuser: pg.Client, originals: readonly string[][]) {
    this.#stand = stand;
    this.#superuser = superuser;
    this.#originals = originals;
    this.#tenants = [stand.tenants.a, stand.tenants.b];
    this.#model = new MemoryQueue(new Map(this.#tenants.map((tenant, index) => [tenant, WEIGHTS[index] ?? 1])));
  }

  async do(one: Command): Promise<void> {
    const { database } = this.#stand;
    switch (one.kind) {
      case 'enqueue': {
        const job = this.#job(one.asked);
        const enqueued = await database.asTenant(job.tenantId, (tx) => enqueue(tx, job));
        expect(enqueued).toEqual(this.#model.enqueue(job));
        return;
      }
      case 'enqueueLeased':
        return this.#enqueueLeased(this.#job({ ...one.asked, lane: 'live' }), `node_${one.node}`);
      case 'enqueueMany':
        return this.#enqueueMany(one.many);
      case 'claim': {
        const claimed = await claim(database, `node_${one.node}`, one.max);
        const expected = this.#model.claim(`node_${one.node}`, one.max);
        expect(claimed.map(({ jobId, token }) => ({ jobId, token }))).toEqual(
          expected.map(({ jobId, token }) => ({ jobId, token })),
        );
        this.#claims.push(...claimed);
        return;
      }
      case 'complete':
      case 'renew':
      case 'release':
        return this.#speakFor(one);
      case 'expire':
        return this.#expire(one.pick, one.far);
      case 'fallDue':
        return this.#fallDue(one.pick, one.far);
      case 'cancel': {
        const { tenantId, originalId } = this.#job(one.asked);
        const gone = await database.asTenant(tenantId, (tx) => cancelJobs(tx, tenantId, originalId));
        expect(gone.sort()).toEqual(this.#model.cancel(tenantId, originalId).sort());
        return;
      }
      case 'promote':
      case 'retryDead':
        return this.#ask(one);
    }
  }

  async #enqueueLeased(job: NewJob, nodeId: string): Promise<void> {
    const { database } = this.#stand;
    const { leased, ...enqueued } = await database.asTenant(job.tenantId, (tx) => enqueueLeased(tx, job, nodeId));
    expect({ ...enqueued, leased: leased !== undefined }).toEqual(this.#model.enqueueLeased(job, nodeId));
    if (leased) this.#claims.push(leased);
  }

  async #speakFor(one: Extract<Command, { kind: 'complete' | 'renew' | 'release' }>): Promise<void> {
    const { database } = this.#stand;
    const held = this.#claims[one.pick % Math.max(1, this.#claims.length)];
    if (!held) return;
    if (one.kind === 'complete') {
      expect(await database.transaction((tx) => complete(tx, held))).toBe(this.#model.complete(held));
    } else if (one.kind === 'renew') {
      expect(await database.transaction((tx) => isHeld(tx, held))).toBe(this.#model.renew(held));
      await renew(database, [held]);
    } else {
      const outcome = await release(database, held, one.reason, one.random);
      expect(outcome).toEqual(this.#model.release(held, one.reason, one.random));
    }
  }

  async #ask(one: Extract<Command, { kind: 'promote' | 'retryDead' }>): Promise<void> {
    const job = this.#any(() => true, one.pick);
    if (!job) return;
    const stranger = one.kind === 'promote' && one.byOther;
    const tenant = this.#tenants.find((id) => (id === job.tenantId) !== stranger) ?? job.tenantId;
    const answer = await this.#stand.database.asTenant(tenant, (tx) =>
      one.kind === 'promote' ? promote(tx, tenant, job.jobId) : retryDead(tx, tenant, job.jobId),
    );
    expect(answer).toBe(
      one.kind === 'promote' ? this.#model.promote(tenant, job.jobId) : this.#model.retryDead(tenant, job.jobId),
    );
  }

  async #enqueueMany(
    many: Parameters<Run['do']>[0] extends infer C ? (C extends { many: infer M } ? M : never) : never,
  ): Promise<void> {
    const jobs = many.map((each) => this.#job(each));
    const once = jobs.filter((job, at) => jobs.findIndex((other) => other.originalId === job.originalId) === at);
    const enqueued = await this.#stand.database.transaction((tx) => enqueueMany(tx, once));
    expect(enqueued).toEqual(this.#model.enqueueMany(once));
  }

  async #expire(at: number, far: boolean): Promise<void> {
    const job = this.#any((each) => each.state === 'leased', at);
    if (job) {
      job.leaseUntilMs = far ? FAR.lease : -1_000;
      await this.#set('lease_until', job.jobId, job.leaseUntilMs);
    }
    const expired = await this.#stand.database.transaction(reapExpired);
    expect(expired.map(({ jobId }) => jobId).sort()).toEqual(this.#model.reapExpired().sort());
  }

  async #fallDue(at: number, far: boolean): Promise<void> {
    const job = this.#any((each) => each.state === 'delayed', at);
    // The others must not fall due by the time that the test itself takes.
    for (const other of this.#model.jobs.values()) {
      if (other.state !== 'delayed') continue;
      other.readyAtMs = other === job ? (far ? FAR.delay : -1_000) : RETRY_BACKOFF.capMs / 2;
      await this.#set('ready_at', other.jobId, other.readyAtMs);
    }
    const tended = await tendQueue(this.#stand.database);
    expect(tended.queued).toBe(this.#model.tend());
  }

  async #set(column: 'lease_until' | 'ready_at', jobId: string, ms: number): Promise<void> {
    const sql = `UPDATE jobs SET ${column} = clock_timestamp() + $2 * interval '1 millisecond' WHERE job_id = $1`;
    await this.#superuser.query(sql, [jobId, ms]);
  }

  #any(matches: Parameters<typeof Array.prototype.filter>[0], at: number) {
    const found = [...this.#model.jobs.values()].filter(matches);
    return found[at % Math.max(1, found.length)];
  }

  #job(given: { tenant: number; original: number; lane: (typeof LANES)[number]; cost: number }) {
    const tenantId = this.#tenants[given.tenant] ?? '';
    const originalId = this.#originals[given.tenant]?.[given.original] ?? '';
    return newJob(tenantId, originalId, { lane: given.lane, costMicros: given.cost, bytesPredicted: given.cost * 7 });
  }

  async rows(): Promise<unknown> {
    const { rows } = await this.#superuser.query(`SELECT
      (SELECT coalesce(json_agg(j ORDER BY job_id), '[]') FROM (SELECT tenant_id, job_id, original_id, lane, state,
        virtual_start, cost_micros, bytes_predicted, lease_token, leased_by, attempts, crashes, expiries, solitary,
        cause_code FROM jobs) AS j) AS jobs,
      (SELECT coalesce(json_agg(a ORDER BY tenant_id, lane), '[]') FROM (SELECT tenant_id, lane, virtual_finish,
        virtual_charged FROM tenant_lanes WHERE virtual_finish > 0) AS a) AS accounts,
      json_build_object('live', lane_clock('live'), 'normal', lane_clock('normal'), 'batch', lane_clock('batch'))
        AS clocks`);
    return rows[0];
  }

  expectedRows(): unknown {
    const jobs = [...this.#model.jobs.values()].sort((a, b) => (a.jobId < b.jobId ? -1 : 1));
    return {
      jobs: jobs.map((job) => ({
        tenant_id: job.tenantId,
        job_id: job.jobId,
        original_id: job.originalId,
        lane: job.lane,
        state: job.state,
        virtual_start: job.virtualStart,
        cost_micros: job.costMicros,
        bytes_predicted: job.bytesPredicted,
        lease_token: job.token,
        leased_by: job.leasedBy,
        attempts: job.attempts,
        crashes: job.crashes,
        expiries: job.expiries,
        solitary: job.solitary,
        cause_code: job.causeCode,
      })),
      accounts: this.#tenants.flatMap((tenant) =>
        [...LANES].sort().flatMap((each) => {
          const { finish, charged } = this.#model.account(tenant, each);
          return finish > 0
            ? [{ tenant_id: tenant, lane: each, virtual_finish: finish, virtual_charged: charged }]
            : [];
        }),
      ),
      clocks: { ...this.#model.clocks },
    };
  }
}
