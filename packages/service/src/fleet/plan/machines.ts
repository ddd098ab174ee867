import { invariant } from '../../core/invariant.ts';
import type { PlanModel } from './model.ts';

export interface Run {
  readonly job: number;
  readonly machine: Machine;
  readonly claimedAt: number;
}

export interface Machine {
  state: 'starting' | 'ready' | 'draining' | 'gone' | 'lost';
  /** Workers without a job. */
  free: number;
  /** Until when its network is busy. */
  networkFreeAt: number;
  /** Whether it is among those that may have a free worker. */
  isListed: boolean;
  readonly runs: Set<Run>;
}

/** The machines of a simulated fleet: ordered, started, drained, lost. All are alike. */
export class Machines {
  readonly counts = { starting: 0, ready: 0, draining: 0 };
  readonly #model: PlanModel;
  readonly #machines = new Set<Machine>();
  #busy = 0;
  /** Machines that may have a free worker; those that have none are dropped when they come up. */
  readonly #available: Machine[] = [];

  constructor(model: PlanModel) {
    this.#model = model;
  }

  /** Machines that cost: all but the lost and the gone. */
  get paid(): number {
    return this.counts.starting + this.counts.ready + this.counts.draining;
  }

  get busyWorkers(): number {
    return this.#busy;
  }

  /** Orders one; the caller makes it ready when its time has come. */
  order(): Machine {
    const machine: Machine = { state: 'starting', free: 0, networkFreeAt: 0, isListed: false, runs: new Set() };
    this.#machines.add(machine);
    this.counts.starting += 1;
    return machine;
  }

  /** @returns false when it was given up before it had started. */
  makeReady(machine: Machine): boolean {
    if (machine.state !== 'starting') return false;
    this.#become(machine, 'ready');
    machine.free = this.#model.workersPerMachine;
    this.#offer(machine);
    return true;
  }

  /** A machine with a free worker, if there is one. */
  available(): Machine | undefined {
    for (;;) {
      const machine = this.#available.at(-1);
      if (!machine || (machine.state === 'ready' && machine.free > 0)) return machine;
      this.#available.pop();
      machine.isListed = false;
    }
  }

  begin(run: Run): void {
    invariant(run.machine.free > 0, 'a machine works with the workers it has');
    run.machine.free -= 1;
    run.machine.runs.add(run);
    this.#busy += 1;
  }

  /** @returns false when the run was lost with its machine. */
  end(run: Run): boolean {
    const { machine } = run;
    if (!machine.runs.delete(run)) return false;
    this.#busy -= 1;
    machine.free += 1;
    if (machine.state === 'ready') this.#offer(machine);
    if (machine.state === 'draining' && machine.runs.size === 0) this.#become(machine, 'gone');
    return true;
  }

  /** Gives up `count` machines: those that start first, then the idlest; none loses work. */
  giveUp(count: number): void {
    const rank = ({ state, runs }: Machine) => (state === 'starting' ? -1 : runs.size);
    const candidates = [...this.#machines]
      .filter(({ state }) => state === 'starting' || state === 'ready')
      .sort((a, b) => rank(a) - rank(b));
    for (const machine of candidates.slice(0, count)) {
      const isIdle = machine.runs.size === 0;
      this.#become(machine, isIdle ? 'gone' : 'draining');
    }
  }

  /** Every machine that comes up by this share of the ready ones vanishes, with what it does. @returns what it did. */
  lose(share: number): Run[] {
    const lost: Run[] = [];
    let due = 0;
    for (const machine of [...this.#machines].filter(({ state }) => state === 'ready')) {
      due += share;
      if (due < 1) continue;
      due -= 1;
      lost.push(...machine.runs);
      this.#busy -= machine.runs.size;
      machine.runs.clear();
      this.#become(machine, 'lost');
    }
    return lost;
  }

  #offer(machine: Machine): void {
    if (machine.isListed) return;
    machine.isListed = true;
    this.#available.push(machine);
  }

  #become(machine: Machine, state: Machine['state']): void {
    if (machine.state in this.counts) this.counts[machine.state as keyof Machines['counts']] -= 1;
    if (state in this.counts) this.counts[state as keyof Machines['counts']] += 1;
    machine.state = state;
    if (state === 'gone' || state === 'lost') this.#machines.delete(machine);
  }
}
