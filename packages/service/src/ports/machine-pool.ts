/** Machines that run workers, as many as are ordered: local processes, the pods of a Kubernetes workload. */

export interface MachineKind {
  /** Worker processes on one machine. */
  readonly workers: number;
  /** Database connections that one machine opens at most. */
  readonly connections: number;
  /** From the order of a machine to its first claim, in seconds. */
  readonly startSeconds: number;
}

export interface PoolState {
  /** Machines that should be, by the last order. */
  readonly ordered: number;
  /** Machines that are, ready or starting; those that drain are among them where the pool can still see them. */
  readonly present: number;
  /** Changes with every order: an order that was thought out on an older state is refused. */
  readonly version: string;
}

export interface MachinePool {
  readonly kind: MachineKind;
  /** Its machines live on this node and for it alone: whoever does not lead must have none. */
  readonly isOfThisNode: boolean;
  /** Whether a node of the registry is a machine of this pool. */
  owns(node: { readonly nodeId: string; readonly host: string }): boolean;
  /** @throws PoolUnavailableError, PoolRefusedError */
  look(): Promise<PoolState>;
  /**
   * Orders `machines` in all. Resolves when the order is taken, not when they are up. Those that are too many are told
   * to drain: they take no more work and end when what they hold is done.
   * @param version of the state that was looked at.
   * @throws PoolChangedError when another order came between; PoolUnavailableError, PoolRefusedError
   */
  resize(machines: number, version: string): Promise<void>;
  /** Of pools that see their machines die: calls `tell` with the node id of one that ended unasked. It is replaced. */
  onLost?(tell: (nodeId: string) => void): void;
  /** Lets go of what this process holds; machines that live on this node end, and what they held is given back. */
  close(): Promise<void>;
}

/** Somebody else resized the pool since it was looked at; look again. */
export class PoolChangedError extends Error {
  override readonly name = 'PoolChangedError';
}

/** The pool does not answer, or not now; a later try may succeed. */
export class PoolUnavailableError extends Error {
  override readonly name = 'PoolUnavailableError';
}

/** The pool does not do it: rights, names or limits must change first. The message says which. */
export class PoolRefusedError extends Error {
  override readonly name = 'PoolRefusedError';
}
