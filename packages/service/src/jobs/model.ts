/** The lanes, the most urgent first: somebody waits on a request; presets of a new upload; bulk and re-encodes. */
export const LANES = ['live', 'normal', 'batch'] as const;
export type Lane = (typeof LANES)[number];

/** A finished job has no state: its row is deleted and its history is in the events. `held`: its tenant is not active. */
export const JOB_STATES = ['queued', 'delayed', 'held', 'leased', 'dead'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Why a job ended badly; the code is stable, the message is for people. */
export interface Cause {
  readonly code: string;
  readonly message: string;
}

export interface NewJob {
  readonly tenantId: string;
  readonly jobId: string;
  readonly originalId: string;
  readonly lane: Lane;
  /** Predicted CPU time, in microseconds. */
  readonly costMicros: number;
  /** Predicted peak of a worker's memory. */
  readonly bytesPredicted: number;
  /** W3C trace context of the request that asked. */
  readonly traceparent?: string;
}

export interface Enqueued {
  /** The job that will do the work: the given one, or the unclaimed one of the same original. */
  readonly jobId: string;
  readonly joined: boolean;
}

/** The right to speak for a job; each claim raises the token, so an older right changes nothing. */
export interface Lease {
  readonly tenantId: string;
  readonly jobId: string;
  readonly token: number;
}

/** What has gone wrong with a job so far. */
export interface Misfortunes {
  /** Failures reported by a worker that lived. */
  readonly attempts: number;
  /** Workers that died with it. */
  readonly crashes: number;
  /** Leases that ran out. */
  readonly expiries: number;
  /** It runs alone in a fresh worker. */
  readonly solitary: boolean;
}

export interface ClaimedJob extends Lease, Misfortunes {
  readonly originalId: string;
  readonly lane: Lane;
  readonly costMicros: number;
  readonly bytesPredicted: number;
  readonly traceparent: string | null;
  readonly createdAt: Date;
  /** From becoming claimable to this claim, by the database's clock. */
  readonly waitedMs: number;
}

/** Worker processes of a node: how many stand and should, have a job in hand, and may be set aside at once. */
export interface WorkerCounts {
  readonly alive: number;
  readonly wanted: number;
  readonly busy: number;
  readonly idle: number;
}

export interface Job extends Misfortunes {
  readonly tenantId: string;
  readonly jobId: string;
  readonly originalId: string;
  readonly lane: Lane;
  readonly state: JobState;
  readonly costMicros: number;
  readonly bytesPredicted: number;
  readonly createdAt: Date;
  /** Since when it waits; for a delayed job, until when. */
  readonly readyAt: Date;
  readonly firstClaimedAt: Date | null;
  readonly diedAt: Date | null;
  readonly cause: Cause | null;
}
