import type { Lease } from '../../packages/service/src/jobs/index.ts';
import { LEASE_MS } from '../../packages/service/src/jobs/policy.ts';
import type { MemoryJob } from './memory-queue.ts';

/** What rendering an original does to those who try; it stays so. */
export type Nature =
  /** Ends well. */
  | 'good'
  /** Cannot be rendered, and says so. */
  | 'bad'
  /** Fails once or twice, then ends well. */
  | 'flaky'
  /** Fails each time, for a reason that another try might mend. */
  | 'hopeless'
  /** Its worker process dies, each time. */
  | 'worker-killer'
  /** Its whole node dies, each time. */
  | 'node-killer';

export interface Rendition {
  readonly id: number;
  readonly originalId: string;
  /** The job that is to make it. */
  jobId: string;
  state: 'pending' | 'ready' | 'failed' | 'deleted';
  causeCode: string | null;
  objectKey: string | null;
  charges: number;
}

/** Who claimed a job last. */
export interface Claim extends Lease {
  /** A run of a node: the same node after a restart is another one. */
  readonly holder: string;
}

/** What a life of the queue must have seen for its promises to mean something. */
export const INCIDENTS = [
  'born leased',
  'lease expired',
  'clock jumped',
  'refused completion',
  'refused release',
  'buried',
  'quarantined',
  'revived',
  'cancelled',
  'killed',
  'answer lost',
  'came late',
] as const;
export type Incident = (typeof INCIDENTS)[number];

/** A promise that did not hold. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** The truth about a simulation, beside what the queue believes, and the judge of P2 and P3. */
export class Ledger {
  readonly renditions: Rendition[] = [];
  readonly objects = new Set<string>();
  readonly incidents = new Map<Incident, number>();
  readonly #claims = new Map<string, Claim & { renewedAtMs: number }>();
  readonly #tokens = new Map<string, number>();
  /** Deaths of worker processes that were told to the queue, since the job was last revived. */
  readonly #deaths = new Map<string, number>();
  clockJumpedAtMs = Number.NEGATIVE_INFINITY;

  saw(incident: Incident): void {
    this.incidents.set(incident, (this.incidents.get(incident) ?? 0) + 1);
  }

  owed(jobId: string): Rendition[] {
    return this.renditions.filter((one) => one.jobId === jobId && one.state === 'pending');
  }

  claimed(job: MemoryJob, holder: string, nowMs: number): void {
    const before = this.#tokens.get(job.jobId) ?? 0;
    if (job.token <= before) throw new Broken(`P3: claim of ${job.jobId} with the used token ${job.token}`);
    if (this.#claims.has(job.jobId)) throw new Broken(`P3: ${job.jobId} was handed out while somebody holds it`);
    if ((this.#deaths.get(job.jobId) ?? 0) > 0 && !job.solitary) {
      throw new Broken(`P2: ${job.jobId} killed a worker and does not run alone`);
    }
    this.#tokens.set(job.jobId, job.token);
    this.#claims.set(job.jobId, {
      tenantId: job.tenantId,
      jobId: job.jobId,
      token: job.token,
      holder,
      renewedAtMs: nowMs,
    });
  }

  renewed(jobId: string, nowMs: number): void {
    const claim = this.#claims.get(jobId);
    if (claim) claim.renewedAtMs = nowMs;
  }

  /** The queue did what somebody asked who claimed the job once: he must be the last who did. */
  accepted(what: string, { jobId, token, holder }: Claim): void {
    const current = this.#claims.get(jobId);
    if (current?.token === token && current.holder === holder) return;
    const whose = current ? `${current.holder} holds it with ${current.token}` : 'nobody holds it';
    throw new Broken(`P3: ${what} of ${jobId} by ${holder} with token ${token} was accepted, and ${whose}`);
  }

  /** The job is nobody's any more. */
  givenBack(jobId: string): void {
    this.#claims.delete(jobId);
  }

  /** A lease was taken away. */
  expired(jobId: string, nowMs: number): void {
    const claim = this.#claims.get(jobId);
    if (!claim) throw new Broken(`P3: the lease of ${jobId} expired, and nobody held it`);
    const isYoung = nowMs - claim.renewedAtMs < LEASE_MS && this.clockJumpedAtMs < claim.renewedAtMs;
    if (isYoung)
      throw new Broken(`P3: the lease of ${jobId} was taken ${nowMs - claim.renewedAtMs} ms after a renewal`);
    this.saw('lease expired');
    this.givenBack(jobId);
  }

  died(jobId: string): void {
    const deaths = (this.#deaths.get(jobId) ?? 0) + 1;
    this.#deaths.set(jobId, deaths);
    if (deaths > 2) throw new Broken(`P2: ${jobId} killed ${deaths} workers and was still given to others`);
  }

  revived(jobId: string): void {
    this.saw('revived');
    this.#deaths.delete(jobId);
  }

  ready(rendition: Rendition, objectKey: string): void {
    if (rendition.state !== 'pending') throw new Broken(`P3: rendition ${rendition.id} ended twice`);
    if (!this.objects.has(objectKey))
      throw new Broken(`P1: rendition ${rendition.id} names an object that is not there`);
    rendition.state = 'ready';
    rendition.objectKey = objectKey;
    rendition.charges += 1;
  }

  failed(rendition: Rendition, causeCode: string | null): void {
    if (rendition.state !== 'pending') throw new Broken(`P3: rendition ${rendition.id} ended twice`);
    if (!causeCode) throw new Broken(`P2: rendition ${rendition.id} failed without a cause`);
    rendition.state = 'failed';
    rendition.causeCode = causeCode;
  }

  /** Nothing happens any more: everything must have ended, once. */
  settle(jobs: Iterable<MemoryJob>): void {
    for (const job of jobs) if (job.state !== 'dead') throw new Broken(`P2: ${job.jobId} is ${job.state} for ever`);
    for (const { id, jobId, state, charges } of this.renditions) {
      if (state === 'pending') throw new Broken(`P2: rendition ${id} of ${jobId} is pending for ever`);
      if (state !== 'deleted' && charges !== (state === 'ready' ? 1 : 0)) {
        throw new Broken(`P3: rendition ${id} is ${state} and was charged ${charges} times`);
      }
    }
  }

  /** Whether nothing waits to be done. */
  get isSettled(): boolean {
    return this.renditions.every(({ state }) => state !== 'pending');
  }
}
