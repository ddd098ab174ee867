/** What a node says of itself; `starting` until all of its roles stand, `draining` from the signal to end. */
export type NodeState = 'starting' | 'up' | 'draining';

/** What a node tells the registry. */
export interface NodeFacts {
  readonly nodeId: string;
  /** One run of the node. */
  readonly bootId: string;
  readonly state: NodeState;
  readonly roles: readonly string[];
  readonly version: string;
  /** Migrations that its build knows. */
  readonly schemaVersion: number;
  readonly workerProcesses: number;
  /** Predicted bytes of all jobs that may run on it at once. */
  readonly memoryBytes: number;
  readonly host: string;
  /** Where its API listens; null without that role, and before it listens. */
  readonly address: string | null;
}

/** A node as the registry has it; `gone` when it has been silent for {@link GONE_MS}. */
export interface RegisteredNode extends Omit<NodeFacts, 'state'> {
  readonly state: NodeState | 'gone';
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  /** Milliseconds since then, by the database's clock. */
  readonly silentMs: number;
}

export const HEARTBEAT_MS = 2_000;
/** As long as a job's lease: when a node is said to be gone, what it held has been given to others. */
export const GONE_MS = 15_000;
/** For as long a node that is gone can be seen as such. */
export const FORGOTTEN_MS = 60 * 60 * 1000;
