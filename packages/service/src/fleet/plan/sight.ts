import type { Observations } from '../policy.ts';
import { upkeepOf } from '../upkeep.ts';
import type { FairQueue } from './fair-queue.ts';
import type { Machines } from './machines.ts';
import type { PlanModel } from './model.ts';

/** Rates are means over the last minute, as the scaler role takes them. */
const WINDOW_SECONDS = 60;

interface Moment {
  readonly at: number;
  readonly workArrived: number;
  readonly workArrivedBatch: number;
  readonly busySeconds: number;
  readonly readySeconds: number;
}

/** What the scaler sees of a simulated fleet: what the scaler role measures, and no more. */
export class Sight {
  readonly #model: PlanModel;
  readonly #moments: Moment[] = [{ at: 0, workArrived: 0, workArrivedBatch: 0, busySeconds: 0, readySeconds: 0 }];
  #upAt = Number.NEGATIVE_INFINITY;
  #downAt = Number.NEGATIVE_INFINITY;

  constructor(model: PlanModel) {
    this.#model = model;
  }

  /** The scaler asked for another number of workers. */
  changed(at: number, isUp: boolean): void {
    if (isUp) this.#upAt = at;
    else this.#downAt = at;
  }

  /** @param machinesUnseen lost, but not yet known to be. */
  observe(moment: Moment, queue: FairQueue, machines: Machines, machinesUnseen: number): Observations {
    const before = this.#remember(moment);
    const seconds = Math.max(moment.at - before.at, Number.EPSILON);
    const readySeconds = moment.readySeconds - before.readySeconds;
    const { workersPerMachine, connectionsPerMachine, connectionsMax, costPerMachineHour } = this.#model;
    const { starting, ready, draining } = machines.counts;
    const paid = Math.max(1, machines.paid);
    return {
      workSecondsQueued: queue.workSeconds(),
      jobsQueued: queue.size,
      waitSecondsOldest: queue.oldestSeconds(moment.at),
      workSecondsArriving: (moment.workArrived - before.workArrived) / seconds,
      workSecondsArrivingBatch: (moment.workArrivedBatch - before.workArrivedBatch) / seconds,
      workSecondsPerSecond: 1,
      workersReady: (ready + machinesUnseen) * workersPerMachine,
      workersStarting: starting * workersPerMachine,
      workersDraining: draining * workersPerMachine,
      busyShare: readySeconds > 0 ? Math.min(1, (moment.busySeconds - before.busySeconds) / readySeconds) : 0,
      startSeconds: this.#model.startSeconds,
      costPerWorkerHour: costPerMachineHour / workersPerMachine,
      databaseConnectionsUsed: (ready + draining) * connectionsPerMachine,
      databaseConnectionsMax: connectionsMax,
      connectionsPerWorker: connectionsPerMachine / workersPerMachine,
      claimsPerWorker: upkeepOf(this.#model, paid) / paid / workersPerMachine,
      secondsSinceUp: moment.at - this.#upAt,
      secondsSinceDown: moment.at - this.#downAt,
    };
  }

  #remember(moment: Moment): Moment {
    this.#moments.push(moment);
    for (;;) {
      const [first = moment, second] = this.#moments;
      if (!second || second.at > moment.at - WINDOW_SECONDS) return first;
      this.#moments.shift();
    }
  }
}
