/**
 * The nodes of an installation, and who of them leads. Each node tells the registry that it lives (`recordNode`, by the
 * role `heartbeat`) and anybody may ask (`listNodes`); what only one may do at a time is led under a lease (`holdLease`).
 */
export { holdLease, type LeaseHold, LeaseLostError, type LeaseOptions, type Term } from './lease.ts';
export { HEARTBEAT_MS, type NodeFacts, type NodeState, type RegisteredNode } from './model.ts';
export { countNodes, forgetNodes, listNodes, recordNode, removeNode } from './node.ts';
export { PLAN_POLICIES, type PlanPolicy, planFleet } from './plan/compare.ts';
export { parseTrace, TraceError } from './plan/csv.ts';
export {
  type LaneWaits,
  PLAN_MODEL_DEFAULT,
  type PlanModel,
  type PlanReport,
  type Resource,
} from './plan/model.ts';
export { drawPlans } from './plan/picture.ts';
export { type ScalingPoint, scalingCurve } from './plan/scaling.ts';
export { makeTrace, SYNTHETIC_TRACES } from './plan/synthetic.ts';
export { type Arrival, TRACE_DAYS_MAX, type Trace, traceOf } from './plan/trace.ts';
export { type Decision, decide, type Observations, SCALING_POLICY_DEFAULT, type ScalingPolicy } from './policy.ts';
export {
  keepDecision,
  listDecisions,
  noteFailure,
  type PoolName,
  readScalerLeader,
  SCALER_LEASE,
  type ScalingDecision,
} from './scaling.ts';
export { FleetObserver, type ManagedMachines } from './scaling-observe.ts';
export { UPKEEP, upkeepOf } from './upkeep.ts';
