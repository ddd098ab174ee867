import { invariant } from '../../packages/service/src/core/invariant.ts';
import type { JobState, Lane, Lease, Misfortunes, NewJob } from '../../packages/service/src/jobs/model.ts';
import * as policy from '../../packages/service/src/jobs/policy.ts';

export interface MemoryJob extends Misfortunes {
  readonly tenantId: string;
  readonly jobId: string;
  readonly originalId: string;
  lane: Lane;
  state: JobState;
  virtualStart: number;
  costMicros: number;
  bytesPredicted: number;
  token: number;
  leasedBy: string | null;
  leaseUntilMs: number;
  readyAtMs: number;
  causeCode: string | null;
  attempts: number;
  crashes: number;
  expiries: number;
  solitary: boolean;
}

/** The queue made of the policy alone, in memory: what the SQL must equal, and what a simulation can run. */
export class MemoryQueue {
  readonly jobs = new Map<string, MemoryJob>();
  readonly clocks: Record<Lane, number> = { live: 0, normal: 0, batch: 0 };
  readonly #accounts = new Map<string, { finish: number; charged: number }>();
  readonly #weights: ReadonlyMap<string, number>;
  #ticket = 0;
  nowMs = 0;

  constructor(weights: ReadonlyMap<string, number>) {
    this.#weights = weights;
  }

  enqueue(job: NewJob): { jobId: string; joined: boolean } | undefined {
    return this.enqueueMany([job])[0];
  }

  /** As `enqueue`, for a job that a worker of the node waits for. */
  enqueueLeased(job: NewJob, nodeId: string): { jobId: string; joined: boolean; leased: boolean } {
    const waiting = this.#all((other) => other.state === 'queued' && other.lane === 'live');
    const joins = this.#all((other) => isOf(other, job.tenantId, job.originalId) && other.token === 0).length > 0;
    const [enqueued] = this.enqueueMany([job]);
    const born = this.jobs.get(job.jobId);
    const starts = waiting.map((other) => other.virtualStart);
    const leased = born !== undefined && !joins && policy.isLeasedAtBirth(born.virtualStart, starts);
    if (leased) this.#lease(born, nodeId);
    invariant(enqueued, 'a job that is put into the queue has an answer');
    return { ...enqueued, leased };
  }

  /** Charges and stores all, then moves those that joined a job in a less urgent lane. */
  enqueueMany(jobs: readonly NewJob[]): { jobId: string; joined: boolean }[] {
    const stored = jobs.map((job) => this.#store(job));
    for (const [index, job] of jobs.entries()) {
      const into = stored[index];
      if (into && into.jobId !== job.jobId) this.#move(into, job.lane, job.costMicros);
    }
    return stored.map(({ jobId }, index) => ({ jobId, joined: jobId !== jobs[index]?.jobId }));
  }

  #store(job: NewJob): MemoryJob {
    const start = this.#charge(job.tenantId, job.lane, job.costMicros);
    const [fresh] = this.#all((other) => isOf(other, job.tenantId, job.originalId) && other.token === 0);
    const into = fresh ?? newMemoryJob(job, start, this.nowMs);
    this.jobs.set(into.jobId, into);
    if (fresh) {
      fresh.costMicros += job.costMicros;
      fresh.bytesPredicted = Math.max(fresh.bytesPredicted, job.bytesPredicted);
    }
    return into;
  }

  claim(nodeId: string, jobsMax: number): MemoryJob[] {
    const claimed: MemoryJob[] = [];
    for (const lane of policy.laneOrder(this.#ticket++)) {
      const ready = this.#all((job) => job.state === 'queued' && job.lane === lane).sort(
        (a, b) => a.virtualStart - b.virtualStart || (a.jobId < b.jobId ? -1 : 1),
      );
      for (const job of ready.slice(0, jobsMax - claimed.length)) {
        this.#lease(job, nodeId);
        claimed.push(job);
      }
    }
    return claimed;
  }

  #lease(job: MemoryJob, nodeId: string): void {
    this.#step(job, 'claim');
    job.token += 1;
    job.leasedBy = nodeId;
    job.leaseUntilMs = this.nowMs + policy.LEASE_MS;
    this.clocks[job.lane] = Math.max(this.clocks[job.lane], job.virtualStart);
  }

  complete(lease: Lease): boolean {
    const job = this.#held(lease);
    if (!job) return false;
    this.#step(job, 'complete');
    return true;
  }

  renew(lease: Lease): boolean {
    const job = this.#held(lease);
    if (job) job.leaseUntilMs = this.nowMs + policy.LEASE_MS;
    return job !== undefined;
  }

  release(lease: Lease & Misfortunes, why: policy.Release, random: number): policy.Outcome | undefined {
    const job = this.#held(lease);
    if (!job) return undefined;
    const outcome = policy.afterRelease(lease, why, random);
    this.#giveBack(job, outcome);
    return outcome;
  }

  reapExpired(): string[] {
    const expired = this.#all((job) => job.state === 'leased' && policy.isLeaseExpired(job.leaseUntilMs, this.nowMs));
    for (const job of expired) this.#giveBack(job, policy.afterExpiry(job));
    return expired.map((job) => job.jobId);
  }

  tend(): number {
    const due = this.#all((job) => job.state === 'delayed' && policy.isDue(job.readyAtMs, this.nowMs));
    for (const job of due) {
      this.#step(job, 'fallDue');
      job.virtualStart = policy.virtualReturn(job.virtualStart, this.clocks[job.lane]);
    }
    return due.length;
  }

  promote(tenantId: string, jobId: string): boolean {
    const job = this.jobs.get(jobId);
    if (job?.tenantId !== tenantId || (job.state !== 'queued' && job.state !== 'delayed')) return false;
    return this.#move(job, 'live', 0);
  }

  retryDead(tenantId: string, jobId: string): boolean {
    const job = this.jobs.get(jobId);
    if (job?.tenantId !== tenantId || job.state !== 'dead') return false;
    Object.assign(job, policy.afterRevival(job), { causeCode: null });
    job.virtualStart = this.#charge(tenantId, job.lane, job.costMicros);
    this.#step(job, 'revive');
    return true;
  }

  cancel(tenantId: string, originalId: string): string[] {
    const gone = this.#all((job) => isOf(job, tenantId, originalId));
    for (const job of gone) {
      if (job.state === 'queued' || job.state === 'delayed') this.#repay(job.tenantId, job.lane, job.costMicros);
      this.#step(job, 'cancel');
    }
    return gone.map((job) => job.jobId);
  }

  account(tenantId: string, lane: Lane): { finish: number; charged: number } {
    const key = `${tenantId} ${lane}`;
    const account = this.#accounts.get(key) ?? { finish: 0, charged: 0 };
    this.#accounts.set(key, account);
    return account;
  }

  #move(job: MemoryJob, lane: Lane, costCharged: number): boolean {
    if (!policy.isMoreUrgent(lane, job.lane)) return false;
    const account = this.account(job.tenantId, lane);
    const charged = costCharged === 0 ? 0 : this.#chargeOf(job.tenantId, costCharged);
    const rest = this.#chargeOf(job.tenantId, job.costMicros - costCharged);
    this.#repay(job.tenantId, job.lane, job.costMicros - costCharged);
    job.lane = lane;
    job.virtualStart = policy.virtualStart(account.finish - charged, this.clocks[lane]);
    account.finish = job.virtualStart + charged + rest;
    account.charged += rest;
    return true;
  }

  #charge(tenantId: string, lane: Lane, costMicros: number): number {
    const account = this.account(tenantId, lane);
    const start = policy.virtualStart(account.finish, this.clocks[lane]);
    account.finish = start + this.#chargeOf(tenantId, costMicros);
    account.charged += this.#chargeOf(tenantId, costMicros);
    return start;
  }

  #repay(tenantId: string, lane: Lane, costMicros: number): void {
    const account = this.account(tenantId, lane);
    account.finish = Math.max(account.finish - this.#chargeOf(tenantId, costMicros), 0);
    account.charged -= this.#chargeOf(tenantId, costMicros);
  }

  #chargeOf(tenantId: string, costMicros: number): number {
    return policy.charge(costMicros, this.#weights.get(tenantId) ?? 1);
  }

  #giveBack(job: MemoryJob, outcome: policy.Outcome): void {
    const { state, attempts, crashes, expiries, solitary, delayMs, cause } = outcome;
    Object.assign(job, { state, attempts, crashes, expiries, solitary, leasedBy: null });
    if (state !== 'dead') job.readyAtMs = this.nowMs + delayMs;
    job.causeCode = cause?.code ?? job.causeCode;
    job.virtualStart = policy.virtualReturn(job.virtualStart, this.clocks[job.lane]);
  }

  #held(lease: Lease): MemoryJob | undefined {
    const job = this.jobs.get(lease.jobId);
    return job?.state === 'leased' && job.token === lease.token ? job : undefined;
  }

  /** The one place where an event moves a job's state. */
  #step(job: MemoryJob, event: policy.JobEvent): void {
    const next = policy.nextState(job.state, event);
    invariant(next !== undefined, `a ${job.state} job cannot ${event}`);
    if (next === null) this.jobs.delete(job.jobId);
    else job.state = next;
  }

  #all(matches: (job: MemoryJob) => boolean): MemoryJob[] {
    return [...this.jobs.values()].filter(matches);
  }
}

function isOf(job: MemoryJob, tenantId: string, originalId: string): boolean {
  return job.tenantId === tenantId && job.originalId === originalId;
}

function newMemoryJob(job: NewJob, virtualStart: number, readyAtMs: number): MemoryJob {
  const { tenantId, jobId, originalId, lane, costMicros, bytesPredicted } = job;
  const misfortunes = { attempts: 0, crashes: 0, expiries: 0, solitary: false };
  const lease = { token: 0, leasedBy: null, leaseUntilMs: 0 };
  const place = { lane, state: 'queued' as const, virtualStart, readyAtMs, causeCode: null };
  return { tenantId, jobId, originalId, costMicros, bytesPredicted, ...misfortunes, ...lease, ...place };
}
