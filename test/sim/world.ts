import type { Lane, Lease, Release } from '../../packages/service/src/jobs/index.ts';
import { LANES } from '../../packages/service/src/jobs/index.ts';
import type { Random } from '../chaos/random.ts';
import type { Agenda } from './agenda.ts';
import type { Claim, Ledger, Nature } from './ledger.ts';
import { type MemoryJob, MemoryQueue } from './memory-queue.ts';

const TENANTS = ['acme', 'bond', 'city'] as const;
const WEIGHTS = new Map<string, number>([['bond', 3]]);
const NATURES: readonly Nature[] = [
  ...Array<Nature>(24).fill('good'),
  ...Array<Nature>(4).fill('flaky'),
  ...Array<Nature>(4).fill('worker-killer'),
  ...(['bad', 'bad', 'hopeless', 'node-killer'] as const),
];

/** A claimed job, as the database's answer tells it. */
export interface Claimed extends Claim {
  readonly originalId: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly expiries: number;
  readonly solitary: boolean;
}

/** The database: transactions over the queue and the renditions, one after the other, by a clock that may jump. */
export class World {
  readonly agenda: Agenda;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly queue = new MemoryQueue(WEIGHTS);
  readonly #natures = new Map<string, Nature>();
  readonly #log: ((line: string) => void) | undefined;
  #clockSkewMs = 1_000_000;
  #jobs = 0;
  #objects = 0;

  constructor(agenda: Agenda, ledger: Ledger, random: Random, log: ((line: string) => void) | undefined) {
    this.agenda = agenda;
    this.ledger = ledger;
    this.random = random;
    this.#log = log;
  }

  /** For who replays a seed; made only then, because making the lines takes longer than all the rest. */
  tell(line: () => string): void {
    this.#log?.(`${(this.agenda.nowMs / 1_000).toFixed(3).padStart(8)} s  ${line()}`);
  }

  /** The database's clock is set, or another machine with another clock has become the writer. */
  jump(ms: number): void {
    this.tell(() => `the database's clock jumps by ${Math.round(ms)} ms`);
    this.#clockSkewMs += ms;
    this.ledger.saw('clock jumped');
    this.ledger.clockJumpedAtMs = this.agenda.nowMs;
  }

  natureOf(originalId: string): Nature {
    const known = this.#natures.get(originalId) ?? this.random.pick(NATURES) ?? 'good';
    this.#natures.set(originalId, known);
    return known;
  }

  /** Somebody asks for renditions of a picture. @param waiting the node whose idle worker waits for the job, if any. */
  ask(waiting: string | undefined): Claimed | undefined {
    const { random, queue } = this;
    queue.nowMs = this.#nowMs;
    const tenantId = random.pick(TENANTS) ?? TENANTS[0];
    const originalId = `${tenantId}-${Math.floor(random.next() * 4)}`;
    this.#jobs += 1;
    const lane: Lane = waiting === undefined ? (random.pick(LANES) ?? 'normal') : 'live';
    const jobId = `job${String(this.#jobs).padStart(3, '0')}`;
    const job = { tenantId, jobId, originalId, lane, costMicros: Math.ceil(random.between(1, 3e6)), bytesPredicted: 1 };
    const into = waiting === undefined ? { ...queue.enqueue(job), leased: false } : queue.enqueueLeased(job, waiting);
    const count = 1 + Math.floor(random.next() * 3);
    for (let made = 0; made < count; made += 1) {
      const id = this.ledger.renditions.length;
      const owedBy = into.jobId ?? jobId;
      this.ledger.renditions.push({
        id,
        originalId,
        jobId: owedBy,
        state: 'pending',
        causeCode: null,
        objectKey: null,
        charges: 0,
      });
    }
    this.tell(() => `${count} renditions of ${originalId} (${this.natureOf(originalId)}) are asked of ${into.jobId}`);
    const born = into.leased ? queue.jobs.get(jobId) : undefined;
    if (born) this.ledger.saw('born leased');
    return born && this.#handOut(born, waiting ?? '');
  }

  claim(holder: string, jobsMax: number): Claimed[] {
    this.queue.nowMs = this.#nowMs;
    return this.queue.claim(holder, jobsMax).map((job) => this.#handOut(job, holder));
  }

  /** @returns which of them the holder still has. */
  renew(claims: readonly Claim[]): Claim[] {
    this.queue.nowMs = this.#nowMs;
    return claims.filter((claim) => {
      const isHeld = this.queue.renew(claim);
      if (isHeld) {
        this.ledger.accepted('renewal', claim);
        this.ledger.renewed(claim.jobId, this.agenda.nowMs);
      }
      return isHeld;
    });
  }

  /** Outputs become true, and the job ends if they are the last: one transaction. @returns whether it was accepted. */
  commit(claim: Claimed, made: ReadonlyMap<number, string>, failed: string | null, isFinal: boolean): boolean {
    this.queue.nowMs = this.#nowMs;
    const lease = claim;
    const isHeld = isFinal ? this.queue.complete(lease) : this.#isHeld(lease);
    this.tell(() => `${claim.holder} ${isFinal ? 'ends' : 'commits a part of'} ${claim.jobId}: ${isHeld}`);
    if (!isHeld) {
      this.ledger.saw('refused completion');
      return false;
    }
    this.ledger.accepted(isFinal ? 'completion' : 'commit', claim);
    for (const rendition of this.ledger.owed(claim.jobId)) {
      const objectKey = made.get(rendition.id);
      if (failed !== null) this.ledger.failed(rendition, failed);
      else if (objectKey !== undefined) this.ledger.ready(rendition, objectKey);
    }
    if (isFinal) this.ledger.givenBack(claim.jobId);
    return true;
  }

  release(claim: Claimed, why: Release): void {
    this.queue.nowMs = this.#nowMs;
    const outcome = this.queue.release(claim, why, this.random.next());
    this.tell(() => `${claim.holder} gives ${claim.jobId} back (${why.reason}): ${outcome?.state ?? 'refused'}`);
    if (!outcome) {
      this.ledger.saw('refused release');
      return;
    }
    this.ledger.accepted(`release (${why.reason})`, claim);
    this.ledger.givenBack(claim.jobId);
    if (why.reason === 'worker_died') this.ledger.died(claim.jobId);
    if (outcome.state !== 'dead') return;
    this.ledger.saw(why.reason === 'worker_died' ? 'quarantined' : 'buried');
    this.#failRest(claim.jobId, outcome.cause?.code ?? null);
  }

  reap(): void {
    this.queue.nowMs = this.#nowMs;
    for (const jobId of this.queue.reapExpired()) {
      this.tell(() => `the lease of ${jobId} ran out`);
      this.ledger.expired(jobId, this.agenda.nowMs);
      const job = this.queue.jobs.get(jobId);
      if (job?.state === 'dead') this.#failRest(jobId, job.causeCode);
    }
    this.queue.tend();
  }

  /** A node that was killed is back and ends what its former self held. */
  forsake(nodeId: string): void {
    const held = [...this.queue.jobs.values()].filter(
      ({ state, leasedBy }) => state === 'leased' && leasedBy?.startsWith(`${nodeId}.`),
    );
    for (const job of held) {
      job.leaseUntilMs = this.#nowMs - 1;
      this.ledger.renewed(job.jobId, Number.NEGATIVE_INFINITY);
    }
  }

  /** People: somebody waits after all, has another try, or deletes a picture. */
  meddle(): void {
    this.queue.nowMs = this.#nowMs;
    const job = this.random.pick([...this.queue.jobs.values()]);
    if (!job) return;
    const { tenantId, jobId, originalId, state } = job;
    if (state === 'dead') {
      this.queue.retryDead(tenantId, jobId);
      this.tell(() => `${jobId} is given another chance`);
      this.ledger.revived(jobId);
      for (const one of this.ledger.renditions) {
        if (one.jobId === jobId && one.state === 'failed') Object.assign(one, { state: 'pending', causeCode: null });
      }
    } else if (this.random.next() < 0.5) {
      this.queue.promote(tenantId, jobId);
    } else if (this.random.next() < 0.3) {
      for (const gone of this.queue.cancel(tenantId, originalId)) this.ledger.givenBack(gone);
      this.tell(() => `${originalId} is deleted`);
      this.ledger.saw('cancelled');
      for (const one of this.ledger.renditions) if (one.originalId === originalId) one.state = 'deleted';
    }
  }

  putObject(): string {
    this.#objects += 1;
    const objectKey = `object-${this.#objects}`;
    this.ledger.objects.add(objectKey);
    return objectKey;
  }

  /** As a renewal is answered, but the lease ends when it would have ended. */
  #isHeld(lease: Lease): boolean {
    const job = this.queue.jobs.get(lease.jobId);
    const leaseUntilMs = job?.leaseUntilMs ?? 0;
    const isHeld = this.queue.renew(lease);
    if (job) job.leaseUntilMs = leaseUntilMs;
    return isHeld;
  }

  get #nowMs(): number {
    return this.agenda.nowMs + this.#clockSkewMs;
  }

  #handOut(job: MemoryJob, holder: string): Claimed {
    this.tell(() => `${holder} claims ${job.jobId} with token ${job.token}`);
    this.ledger.claimed(job, holder, this.agenda.nowMs);
    const { jobId, token, tenantId, originalId, attempts, crashes, expiries, solitary } = job;
    return { jobId, token, holder, tenantId, originalId, attempts, crashes, expiries, solitary };
  }

  #failRest(jobId: string, causeCode: string | null): void {
    for (const rendition of this.ledger.owed(jobId)) this.ledger.failed(rendition, causeCode);
  }
}
