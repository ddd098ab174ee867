import { MinHeap } from '../../core/min-heap.ts';
import {
  afterExpiry,
  CLAIM_JOBS_MAX,
  LANES,
  LEASE_MS,
  type Misfortunes,
  RENEW_EVERY_MS,
  reapDelayMs,
} from '../../jobs/index.ts';
import { GONE_MS } from '../model.ts';
import type { Decide, ScalingPolicy } from '../policy.ts';
import { upkeepOf } from '../upkeep.ts';
import { Capacity, Usage } from './capacity.ts';
import { Demand } from './demand.ts';
import { FairQueue } from './fair-queue.ts';
import { type Machine, Machines, type Run } from './machines.ts';
import { type PlanModel, type PlanReport, RESOURCES, type Resource, type ResourceUse } from './model.ts';
import { Sight } from './sight.ts';
import { Tally } from './tally.ts';
import type { Trace } from './trace.ts';

export interface Plan {
  /** The policy's name in the report. */
  readonly name: string;
  readonly trace: Trace;
  readonly model: PlanModel;
  readonly decide: Decide;
  readonly policy: ScalingPolicy;
  /** Ready at the beginning. */
  readonly machines: number;
}

/** What is to happen at a time, besides arrivals. */
type Due =
  | { readonly kind: 'end'; readonly run: Run }
  | { readonly kind: 'ready'; readonly machine: Machine }
  | { readonly kind: 'expire'; readonly job: number }
  | { readonly kind: 'lose' | 'noticed'; readonly count: number }
  | { readonly kind: 'decide' | 'compare' };

const UNHURT: Misfortunes = { attempts: 0, crashes: 0, expiries: 0, solitary: false };
/** A fleet that cannot do what came is not watched for ever: as long again as the trace, and an hour. */
const AFTER_SECONDS = 3_600;
/** The chance that gives a mean. */
const MEAN = 0.5;
const COMPARE_SECONDS = { min: 1, max: 30 } as const;

/**
 * Simulates a fleet: arrivals of a trace, the queue's real order and leases, a scaling policy, and what machines share.
 * Pure and exact to the event; the same plan gives the same report. About a million jobs in two seconds.
 */
export function simulate(plan: Plan): PlanReport {
  return new Simulation(plan).run();
}

class Simulation {
  readonly #plan: Plan;
  readonly #queue: FairQueue;
  readonly #machines: Machines;
  readonly #sight: Sight;
  readonly #tally: Tally;
  readonly #demand: Demand;
  readonly #due = new MinHeap<Due>();
  readonly #claims: Capacity;
  readonly #storeWrites: Capacity;
  readonly #misfortunes = new Map<number, Misfortunes>();
  readonly #exhausted = new Map<Resource, number>();
  readonly #network = new Usage();
  #now = 0;
  #next = 0;
  #workArrived = 0;
  #workArrivedBatch = 0;
  #machinesUnseen = 0;
  #jobsDead = 0;

  constructor(plan: Plan) {
    const { trace, model } = plan;
    this.#plan = plan;
    this.#queue = new FairQueue(trace);
    this.#machines = new Machines(model);
    this.#sight = new Sight(model);
    this.#tally = new Tally(trace, model, this.#machines);
    this.#demand = new Demand(trace);
    this.#claims = new Capacity(model.claimsPerSecond);
    this.#storeWrites = new Capacity(model.storeWritesPerSecond);
  }

  run(): PlanReport {
    const { trace } = this.#plan;
    this.#begin();
    const endsAt = 2 * trace.seconds + AFTER_SECONDS;
    while (!this.#isDone() && this.#now < endsAt) {
      const arrivesAt = trace.at[this.#next] ?? Number.POSITIVE_INFINITY;
      const at = Math.min(arrivesAt, this.#due.keyMin);
      this.#tally.pass(this.#now, at - this.#now, this.#queue.size);
      this.#now = at;
      if (arrivesAt <= this.#due.keyMin) this.#arrive();
      else this.#happen();
      this.#dispatch();
    }
    return this.#report();
  }

  #begin(): void {
    const { trace, model } = this.#plan;
    const connectable = this.#connectable(this.#plan.machines);
    for (let count = 0; count < connectable; count += 1) this.#machines.makeReady(this.#machines.order());
    if (trace.loss) this.#due.push(trace.loss.atSeconds, { kind: 'lose', count: 0 });
    this.#tend();
    this.#due.push(model.decideEverySeconds, { kind: 'decide' });
    this.#due.push(this.#compareEvery, { kind: 'compare' });
  }

  /** Every machine looks after the queue, whether it has work or not. */
  #tend(): void {
    const { starting, ready, draining } = this.#machines.counts;
    this.#claims.burden(upkeepOf(this.#plan.model, starting + ready + draining));
  }

  /** Machines without a connection to the database are of no use. */
  #connectable(machines: number): number {
    const { connectionsMax, connectionsPerMachine } = this.#plan.model;
    const most = Math.floor(connectionsMax / connectionsPerMachine);
    if (machines > most) this.#exhaust('connections');
    return Math.min(machines, most);
  }

  /** Everything came and ended, and the trace is over. */
  #isDone(): boolean {
    const { trace } = this.#plan;
    if (this.#next < trace.at.length || this.#now < trace.seconds) return false;
    return this.#tally.jobsDone + this.#jobsDead >= trace.at.length;
  }

  #arrive(): void {
    const { trace } = this.#plan;
    const job = this.#next;
    const work = trace.workSeconds[job] ?? 0;
    this.#next += 1;
    this.#workArrived += work;
    if (LANES[trace.lane[job] ?? 0] === 'batch') this.#workArrivedBatch += work;
    this.#tally.arrived(this.#now, work);
    this.#queue.put(job, this.#now);
  }

  #happen(): void {
    const due = this.#due.pop();
    switch (due?.kind) {
      case 'end':
        if (this.#machines.end(due.run)) this.#tally.jobsDone += 1;
        break;
      case 'ready':
        this.#machines.makeReady(due.machine);
        break;
      case 'expire':
        this.#expire(due.job);
        break;
      case 'lose':
        this.#lose();
        break;
      case 'noticed':
        this.#machinesUnseen -= due.count;
        break;
      case 'decide':
        this.#decide();
        break;
      case 'compare':
        this.#compare();
        break;
    }
  }

  #dispatch(): void {
    while (this.#queue.size > 0) {
      const machine = this.#machines.available();
      if (!machine) return;
      for (const job of this.#queue.claim(Math.min(machine.free, CLAIM_JOBS_MAX))) this.#start(job, machine);
    }
  }

  #start(job: number, machine: Machine): void {
    const { trace, model } = this.#plan;
    const run: Run = { job, machine, claimedAt: this.#now };
    this.#machines.begin(run);
    const begins = this.#claims.serve(this.#now, 1) + model.wakeSeconds;
    this.#tally.begun(job, this.#queue.laneOf(job), this.#now, begins - (trace.at[job] ?? 0));
    // Reading and writing go on beside the work of others, and hold a job up only when there is too much of them.
    const written = this.#storeWrites.serve(begins, model.writesPerJob);
    machine.networkFreeAt = Math.max(begins, machine.networkFreeAt) + model.bytesPerJob / model.networkBytesPerSecond;
    const ready = Math.max(1, this.#machines.counts.ready);
    this.#network.count(begins, model.bytesPerJob / model.networkBytesPerSecond / ready);
    const worked = begins + (trace.workSeconds[job] ?? 0);
    this.#due.push(Math.max(worked, written, machine.networkFreeAt), { kind: 'end', run });
  }

  #expire(job: number): void {
    const outcome = afterExpiry(this.#misfortunes.get(job) ?? UNHURT);
    this.#misfortunes.set(job, outcome);
    this.#tally.jobsRunAgain += 1;
    if (outcome.state === 'dead') this.#jobsDead += 1;
    else this.#queue.giveBack(job, this.#now);
  }

  /** Nobody renews the leases any more; those who are left look for them at the pace of the fleet that they believe in. */
  #lose(): void {
    const before = this.#machines.counts.ready;
    const runs = this.#machines.lose(this.#plan.trace.loss?.share ?? 0);
    const left = Math.max(1, this.#machines.counts.ready);
    const reapEvery = reapDelayMs(before, MEAN) / left / 1_000;
    for (const { job, claimedAt } of runs) {
      const renewals = Math.floor(((this.#now - claimedAt) * 1_000) / RENEW_EVERY_MS);
      const expiresAt = claimedAt + (renewals * RENEW_EVERY_MS + LEASE_MS) / 1_000;
      this.#due.push(Math.ceil(expiresAt / reapEvery) * reapEvery, { kind: 'expire', job });
    }
    const count = before - this.#machines.counts.ready;
    this.#machinesUnseen += count;
    this.#due.push(this.#now + GONE_MS / 1_000, { kind: 'noticed', count });
  }

  #decide(): void {
    const { decide, policy, model } = this.#plan;
    const { busySeconds, readySeconds } = this.#tally;
    const moment = {
      at: this.#now,
      workArrived: this.#workArrived,
      workArrivedBatch: this.#workArrivedBatch,
      busySeconds,
      readySeconds,
    };
    const seen = this.#sight.observe(moment, this.#queue, this.#machines, this.#machinesUnseen);
    const decision = decide(seen, policy);
    const [tightest] = decision.cutBy.filter((bound) => bound !== 'min');
    if (tightest === 'database_connections') this.#exhaust('connections');
    if (tightest === 'queue_claims') this.#exhaust('claims');
    const { starting, ready } = this.#machines.counts;
    const now = starting + ready + this.#machinesUnseen;
    const wanted = Math.ceil(decision.workers / model.workersPerMachine);
    if (wanted !== now) {
      this.#sight.changed(this.#now, wanted > now);
      this.#tally.changes += 1;
    }
    for (let count = now; count < wanted; count += 1) {
      this.#due.push(this.#now + model.startSeconds, { kind: 'ready', machine: this.#machines.order() });
    }
    if (wanted < now) this.#machines.giveUp(now - wanted);
    this.#tend();
    this.#due.push(this.#now + model.decideEverySeconds, { kind: 'decide' });
  }

  get #compareEvery(): number {
    return Math.min(Math.max(this.#plan.trace.seconds / 2_880, COMPARE_SECONDS.min), COMPARE_SECONDS.max);
  }

  #compare(): void {
    const { policy, trace } = this.#plan;
    const every = this.#compareEvery;
    const { live, normal, batch } = this.#queue.workSeconds();
    const { live: liveIn, normal: normalIn, batch: batchIn } = policy.waitSecondsObjective;
    const around = COMPARE_SECONDS.max;
    const [from, to] = [Math.max(0, this.#now - around), Math.min(this.#now + around, trace.seconds)];
    const arriving = to > from ? this.#demand.workSecondsBetween(from, to) / (to - from) : 0;
    const needed = arriving + live / liveIn + normal / normalIn + batch / batchIn;
    this.#tally.compare(Math.max(needed, policy.workersMin), every);
    const oldest = this.#queue.oldestSeconds(this.#now);
    if (!this.#machines.available() && (oldest.live > liveIn || oldest.normal > normalIn || oldest.batch > batchIn)) {
      this.#exhaust('workers');
    }
    this.#due.push(this.#now + every, { kind: 'compare' });
  }

  #exhaust(resource: Resource): void {
    if (!this.#exhausted.has(resource)) this.#exhausted.set(resource, this.#now);
  }

  #report(): PlanReport {
    const { name, trace, policy, model } = this.#plan;
    const { busySeconds, readySeconds, paidSeconds, jobsDone, jobsRunAgain, changes, machinesMax } = this.#tally;
    const resources = this.#resources();
    const exhausted = RESOURCES.filter((resource) => resources[resource].exhaustedAtSeconds !== null).sort(
      (a, b) => (resources[a].exhaustedAtSeconds ?? 0) - (resources[b].exhaustedAtSeconds ?? 0),
    );
    return {
      policy: name,
      trace: trace.name,
      seconds: this.#now,
      jobs: trace.at.length,
      jobsLeft: trace.at.length - jobsDone,
      jobsPerSecond: jobsDone / Math.max(this.#now, Number.EPSILON),
      waits: this.#tally.waitsByLane(policy),
      utilisation: readySeconds > 0 ? busySeconds / readySeconds : 0,
      machinesMax,
      machineHours: paidSeconds / 3_600,
      machineHoursOver: this.#tally.overSeconds / 3_600,
      machineHoursUnder: this.#tally.underSeconds / 3_600,
      cost: (paidSeconds / 3_600) * model.costPerMachineHour,
      resources,
      firstBottleneck: exhausted[0] ?? null,
      changes,
      jobsRunAgain,
      slices: this.#tally.slices(),
    };
  }

  #resources(): Record<Resource, ResourceUse> {
    const { model } = this.#plan;
    const at = (resource: Resource) => this.#exhausted.get(resource) ?? null;
    const busiest = this.#tally
      .slices()
      .reduce(
        (most, { workersBusy, workersReady }) => Math.max(most, workersReady > 0 ? workersBusy / workersReady : 0),
        0,
      );
    const connections = (this.#tally.machinesMax * model.connectionsPerMachine) / model.connectionsMax;
    return {
      workers: { peakShare: Math.min(1, busiest), exhaustedAtSeconds: at('workers') },
      connections: { peakShare: connections, exhaustedAtSeconds: at('connections') },
      claims: withEarliest(this.#claims.use(), at('claims')),
      storeWrites: this.#storeWrites.use(),
      network: this.#network.use(),
    };
  }
}

/** Exhausted by its own figures, or because the scaler ordered no more for its sake. */
function withEarliest(use: ResourceUse, atSeconds: number | null): ResourceUse {
  const times = [use.exhaustedAtSeconds, atSeconds].filter((time) => time !== null);
  return { ...use, exhaustedAtSeconds: times.length > 0 ? Math.min(...times) : null };
}
