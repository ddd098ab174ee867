import { type Decide, decide, decideByCpu, decideFixed, type ScalingPolicy } from '../policy.ts';
import type { PlanModel, PlanReport } from './model.ts';
import { simulate } from './simulate.ts';
import type { Trace } from './trace.ts';

/** The product's own; a threshold on busy CPUs; the same number whatever comes. */
export const PLAN_POLICIES = ['drain-time', 'cpu', 'fixed'] as const;
export type PlanPolicy = (typeof PLAN_POLICIES)[number];

export interface FleetPlan {
  readonly trace: Trace;
  readonly model: PlanModel;
  readonly policy: ScalingPolicy;
  readonly policies: readonly PlanPolicy[];
  /** Ready at the beginning; absent: what the first tenth of the trace needs. */
  readonly machines?: number | undefined;
  /** Of the fixed fleet; absent: what the whole trace needs on the mean. */
  readonly machinesFixed?: number | undefined;
}

/** How busy a fleet is that nobody scales: enough room for what comes by chance. */
const BUSY_SHARE = 0.6;

/** Simulates the same arrivals under each policy. @returns a report for each, in their order. */
export function planFleet(plan: FleetPlan): PlanReport[] {
  const { trace, model, policy } = plan;
  const fixed = plan.machinesFixed ?? machinesFor(trace, trace.seconds, model);
  const first = plan.machines ?? machinesFor(trace, trace.seconds / 10, model);
  const decides: Readonly<Record<PlanPolicy, Decide>> = {
    'drain-time': decide,
    cpu: decideByCpu,
    fixed: decideFixed(fixed * model.workersPerMachine),
  };
  return plan.policies.map((name) => {
    // A fleet that is fixed is not bounded by what others may grow to, nor grown from what others begin with.
    const isFixed = name === 'fixed';
    const bounds = isFixed ? { workersMin: 0, workersMax: fixed * model.workersPerMachine } : {};
    const machines = isFixed ? fixed : Math.min(first, Math.floor(policy.workersMax / model.workersPerMachine));
    return simulate({ name, trace, model, decide: decides[name], policy: { ...policy, ...bounds }, machines });
  });
}

function machinesFor(trace: Trace, seconds: number, model: PlanModel): number {
  const work = trace.workSeconds.reduce((sum, one, job) => sum + ((trace.at[job] ?? 0) <= seconds ? one : 0), 0);
  return Math.max(1, Math.ceil(work / Math.max(seconds, 1) / BUSY_SHARE / model.workersPerMachine));
}
