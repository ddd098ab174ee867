import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import {
  type Decision,
  decide,
  FleetObserver,
  holdLease,
  keepDecision,
  LeaseLostError,
  type ManagedMachines,
  noteFailure,
  type Observations,
  type PoolName,
  readScalerLeader,
  SCALER_LEASE,
  type ScalingPolicy,
  type Term,
  UPKEEP,
  upkeepOf,
} from '../fleet/index.ts';
import { forsakeLeases } from '../jobs/index.ts';
import { type MachineKind, type MachinePool, PoolChangedError, type PoolState } from '../ports/machine-pool.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface ScalerDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nodeId: string;
  readonly policy: ScalingPolicy;
  readonly costPerWorkerHour: number;
  readonly poolName: PoolName;
  /** Absent: decides for others to read. */
  readonly pool: MachinePool | undefined;
}

export interface ScalerRole {
  stop(): Promise<void>;
}

/** A burst is answered within two looks; a look costs the database a few milliseconds. */
const DECIDE_EVERY_MS = 2_000;
/** How long nobody decides after the leader has vanished: less than a machine of a cloud takes to start. */
const LEASE_MS = 6_000;
/** While nothing happens, the same decision is kept this often. */
const IDLE_KEEP_MS = 20_000;
/** Of a machine that others start, such as KEDA. */
const UNKNOWN_MACHINE: MachineKind = { workers: 1, startSeconds: 30, connections: 8 };

/**
 * Decides again and again how many workers there should be, keeps each decision with its inputs, and orders them. Every
 * node may run one: the one that holds the lease decides, the others wait for it.
 */
export function startScalerRole(deps: ScalerDeps): ScalerRole {
  return new Scaler(deps);
}

class Scaler implements ScalerRole {
  readonly #deps: ScalerDeps;
  readonly #hold: ReturnType<typeof holdLease>;
  readonly #letGo: NodeJS.Timeout;
  #last: { readonly decision: Decision; readonly keptAt: number } | undefined;

  constructor(deps: ScalerDeps) {
    this.#deps = deps;
    const { database, nodeId, clock, pool, log } = deps;
    pool?.onLost?.((lost) => {
      // What it held would else wait for a lease to run out.
      forsakeLeases(database, lost).catch((error: Error) => this.#tell(error));
      log.warn({ nodeId: lost }, 'a machine of the pool ended unasked');
    });
    this.#hold = holdLease(database, {
      name: SCALER_LEASE,
      holder: nodeId,
      leaseMs: LEASE_MS,
      clock,
      lead: (term) => this.#lead(term),
      onError: (error) => this.#tell(error),
    });
    this.#letGo = setInterval(() => {
      this.#leaveToLeader().catch((error: Error) => this.#tell(error));
    }, LEASE_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#letGo);
    await this.#hold.stop();
    await this.#deps.pool?.close();
  }

  async #lead({ ended, fence, token }: Term): Promise<void> {
    const { database, clock, log } = this.#deps;
    log.info({ token }, 'this node decides on the size of the fleet');
    const observer = new FleetObserver(database, clock);
    while (!ended.aborted) {
      try {
        await this.#turn(observer, { ended, fence, token });
      } catch (error) {
        if (error instanceof LeaseLostError) throw error;
        this.#tell(error as Error);
      }
      await pause(DECIDE_EVERY_MS, undefined, { signal: ended }).catch(() => undefined);
    }
  }

  async #turn(observer: FleetObserver, term: Term): Promise<void> {
    const { pool, policy, database } = this.#deps;
    const { state, failure } = await this.#lookAtPool();
    const { observations, workersUnmanaged } = await observer.look(this.#machines(state));
    // What stands anyway cannot be given up.
    const effective = { ...policy, workersMin: Math.max(policy.workersMin, workersUnmanaged) };
    const plan = planOrder(decide(observations, effective), { observations, workersUnmanaged, pool, state });
    this.#measure(plan.decision, observations);
    const id = await this.#keep(term, plan.decision, observations, effective);
    const refusal = failure ?? (await this.#order(term, plan.machines, state));
    if (refusal !== undefined && id !== undefined) await noteFailure(database, id, refusal);
  }

  /** The state of the pool, or why it did not tell it. */
  async #lookAtPool(): Promise<{ readonly state?: PoolState; readonly failure?: string }> {
    const { pool } = this.#deps;
    if (!pool) return {};
    try {
      return { state: await pool.look() };
    } catch (error) {
      this.#tell(error as Error);
      return { failure: (error as Error).message };
    }
  }

  /** @returns why the pool did not take the order, if it did not. */
  async #order({ ended }: Term, machines: number, state: PoolState | undefined): Promise<string | undefined> {
    const { pool } = this.#deps;
    if (!pool || !state || machines === state.ordered || ended.aborted) return undefined;
    try {
      await pool.resize(machines, state.version);
      return undefined;
    } catch (error) {
      // Looked at again at the next turn.
      if (!(error instanceof PoolChangedError)) this.#tell(error as Error);
      return (error as Error).message;
    }
  }

  #measure(decision: Decision, { workersReady, workersStarting, workersDraining }: Observations): void {
    const { scalerWorkers } = this.#deps.metrics;
    scalerWorkers.set({ kind: 'wanted' }, decision.workers);
    scalerWorkers.set({ kind: 'ready' }, workersReady);
    scalerWorkers.set({ kind: 'starting' }, workersStarting);
    scalerWorkers.set({ kind: 'draining' }, workersDraining);
  }

  #machines(state: PoolState | undefined): ManagedMachines {
    const { pool, costPerWorkerHour } = this.#deps;
    const { workers, startSeconds, connections } = pool?.kind ?? UNKNOWN_MACHINE;
    const machines = Math.max(1, state?.ordered ?? 1);
    return {
      // All machines are somebody else's to order where none are ours.
      owns: (node) => pool?.owns(node) ?? true,
      workersOrdered: state ? state.ordered * workers : Number.POSITIVE_INFINITY,
      startSeconds,
      connectionsPerWorker: connections / workers,
      claimsPerWorker: upkeepOf(UPKEEP, machines) / machines / workers,
      costPerWorkerHour,
    };
  }

  /** Behind the fence, so that nobody keeps a decision who does not lead any more. @returns its id, if it is news. */
  async #keep(
    term: Term,
    decision: Decision,
    observations: Observations,
    policy: ScalingPolicy,
  ): Promise<number | undefined> {
    const { database, clock, nodeId, poolName, metrics } = this.#deps;
    const now = clock.monotonic();
    const isIdle = observations.jobsQueued === 0 && observations.busyShare === 0;
    if (isIdle && this.#last && now - this.#last.keptAt < IDLE_KEEP_MS && isSame(this.#last.decision, decision)) {
      return undefined;
    }
    const id = await database.transaction(async (tx) => {
      await term.fence(tx);
      return keepDecision(tx, { token: term.token, nodeId, pool: poolName, decision, observations, policy });
    });
    this.#last = { decision, keptAt: now };
    metrics.scalerDecisions.inc({ reason: decision.reason });
    return id;
  }

  /** Machines of this node alone are of no use to a leader elsewhere, who orders his own. */
  async #leaveToLeader(): Promise<void> {
    const { pool, database, nodeId } = this.#deps;
    if (!pool?.isOfThisNode || this.#hold.leads) return;
    const { ordered, version } = await pool.look();
    if (ordered === 0) return;
    // While the database is away nobody leads, and the machines stay for its return.
    const leader = await readScalerLeader(database);
    if (leader !== undefined && leader !== nodeId) await pool.resize(0, version);
  }

  #tell(error: Error): void {
    this.#deps.metrics.scalerFailures.inc();
    this.#deps.log.warn({ err: error }, 'the scaler will try again');
  }
}

interface Around {
  readonly observations: Observations;
  readonly workersUnmanaged: number;
  readonly pool: MachinePool | undefined;
  readonly state: PoolState | undefined;
}

/** A decision in whole machines: as many as hold the workers, or, where a ceiling cut it, as fit below. */
function planOrder(decision: Decision, around: Around): { readonly decision: Decision; readonly machines: number } {
  const { observations, workersUnmanaged, pool, state } = around;
  if (!pool || !state) return { decision, machines: 0 };
  const { workers } = pool.kind;
  const wanted = Math.max(0, decision.workers - workersUnmanaged) / workers;
  const isCut = decision.cutBy.some((bound) => bound !== 'min');
  const machines = isCut ? Math.floor(wanted) : Math.ceil(wanted);
  const current = observations.workersReady + observations.workersStarting;
  // One worker less of a machine of four is no machine less.
  const isNoChange = machines === state.ordered && decision.workers !== current;
  return { decision: isNoChange ? { ...decision, workers: current, reason: 'steady' } : decision, machines };
}

function isSame(a: Decision, b: Decision): boolean {
  return a.workers === b.workers && a.reason === b.reason && a.cutBy.join() === b.cutBy.join();
}
