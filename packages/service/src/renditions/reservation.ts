import type { ClaimedJob } from '../jobs/index.ts';
import type { WorkRow } from './work.ts';

/** A worker process of this node that is idle and set aside for a job which is about to be put into the queue. */
export interface Reservation {
  readonly nodeId: string;
  /** Gives the job to the worker, with what it has to make, once the transaction that leased it has committed. */
  run(job: ClaimedJob, work: readonly WorkRow[]): void;
  /** Gives the worker back: there is no job for it. */
  release(): void;
}
