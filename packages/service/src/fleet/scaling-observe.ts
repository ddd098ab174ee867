import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { countJobs, LANES, type Lane, type LaneCount, readFlow, type WorkFlow } from '../jobs/index.ts';
import type { Observations } from './policy.ts';
import { COUNT_CONNECTIONS, LIST_WORKER_NODES, READ_SINCE_CHANGES } from './scaling.sql.ts';
import { FlowRates } from './scaling-flow.ts';

/** What the scaler knows of the machines that it orders. */
export interface ManagedMachines {
  /** Whether a node of the registry is one of them. */
  readonly owns: (node: { readonly nodeId: string; readonly host: string }) => boolean;
  readonly workersOrdered: number;
  readonly startSeconds: number;
  readonly connectionsPerWorker: number;
  readonly claimsPerWorker: number;
  readonly costPerWorkerHour: number;
}

export interface Observed {
  readonly observations: Observations;
  /** Workers that stand whatever the scaler orders: of nodes that are none of its machines. */
  readonly workersUnmanaged: number;
}

interface WorkerNode {
  readonly nodeId: string;
  readonly host: string;
  readonly state: 'starting' | 'up' | 'draining';
  readonly workers: number;
}

interface Looked {
  readonly lanes: readonly LaneCount[];
  readonly flow: WorkFlow;
  readonly nodes: readonly WorkerNode[];
  readonly connections: { readonly used: number; readonly max: number };
  readonly since: { readonly up: number | null; readonly down: number | null };
}

/** Looks at queue, registry and database; remembers a minute of looks for the rates. One for each term of a leader. */
export class FleetObserver {
  readonly #database: Database;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #rates = new FlowRates();

  constructor(database: Database, clock: Pick<Clock, 'monotonic'>) {
    this.#database = database;
    this.#clock = clock;
  }

  async look(machines: ManagedMachines): Promise<Observed> {
    const looked = await this.#read();
    const { lanes, flow, connections, since } = looked;
    const { workersUnmanaged, ...workers } = countWorkers(looked.nodes, machines);
    const rates = this.#rates.take({
      atSeconds: this.#clock.monotonic() / 1000,
      workSecondsCharged: flow.workSecondsCharged,
      workSecondsChargedBatch: flow.workSecondsChargedBatch,
      workSecondsQueued: sum(lanes, ({ workSeconds }) => workSeconds),
      workSecondsRunning: flow.workSecondsRunning,
      running: flow.running,
      estimated: lanes.some(({ estimated }) => estimated),
    });
    const observations: Observations = {
      ...workers,
      ...rates,
      workSecondsQueued: byLane(lanes, ({ workSeconds }) => workSeconds),
      jobsQueued: sum(lanes, ({ queued }) => queued),
      waitSecondsOldest: byLane(lanes, ({ oldestSeconds }) => Math.max(0, oldestSeconds)),
      busyShare: workers.workersReady === 0 ? 0 : Math.min(1, flow.running / workers.workersReady),
      startSeconds: machines.startSeconds,
      costPerWorkerHour: machines.costPerWorkerHour,
      databaseConnectionsUsed: connections.used,
      databaseConnectionsMax: connections.max,
      connectionsPerWorker: machines.connectionsPerWorker,
      claimsPerWorker: machines.claimsPerWorker,
      secondsSinceUp: since.up ?? Number.POSITIVE_INFINITY,
      secondsSinceDown: since.down ?? Number.POSITIVE_INFINITY,
    };
    return { observations, workersUnmanaged };
  }

  /** On one connection, so that a look needs no more of them than anything else. */
  #read(): Promise<Looked> {
    return this.#database.transaction(async (tx) => {
      const [lanes, flow, nodes, [connections], [since]] = await Promise.all([
        countJobs(tx),
        readFlow(tx),
        tx.query<WorkerNode>(LIST_WORKER_NODES),
        tx.query<Looked['connections']>(COUNT_CONNECTIONS),
        tx.query<Looked['since']>(READ_SINCE_CHANGES),
      ]);
      return {
        lanes,
        flow,
        nodes,
        connections: connections ?? { used: 0, max: 0 },
        since: since ?? { up: null, down: null },
      };
    });
  }
}

function countWorkers(nodes: readonly WorkerNode[], { owns, workersOrdered }: ManagedMachines) {
  const isIn = (state: WorkerNode['state']) => nodes.filter((node) => node.state === state);
  const up = isIn('up');
  const ownedUp = sum(up.filter(owns), ({ workers }) => workers);
  const ownedStarting = sum(isIn('starting').filter(owns), ({ workers }) => workers);
  const foreignStarting = sum(isIn('starting'), ({ workers }) => workers) - ownedStarting;
  const foreignUp = sum(up, ({ workers }) => workers) - ownedUp;
  return {
    // Machines that are still up although they are too many are on their way out.
    workersReady: foreignUp + Math.min(ownedUp, workersOrdered),
    workersStarting:
      foreignStarting + (Number.isFinite(workersOrdered) ? Math.max(0, workersOrdered - ownedUp) : ownedStarting),
    workersDraining: sum(isIn('draining'), ({ workers }) => workers) + Math.max(0, ownedUp - workersOrdered),
    workersUnmanaged: foreignUp + foreignStarting,
  };
}

function byLane(lanes: readonly LaneCount[], of: (count: LaneCount) => number): Record<Lane, number> {
  const figures = { live: 0, normal: 0, batch: 0 };
  for (const lane of LANES)
    figures[lane] = sum(
      lanes.filter((count) => count.lane === lane),
      of,
    );
  return figures;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
