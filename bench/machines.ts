import { parseArgs } from 'node:util';
import {
  PLAN_MODEL_DEFAULT,
  type PlanModel,
  type ScalingPoint,
  scalingCurve,
} from '../packages/service/src/fleet/index.ts';

/**
 * Throughput per machine of 10 to 5,000 simulated machines of two workers, by the code of `safelight plan --scaling`, beside
 * three databases: where the line bends, and what bends it. Nothing of it is measured; the model's constants are
 * (bench/plan-model.ts, docs/PERFORMANCE.md).
 *
 *     node bench/machines.ts [--work 0.2]
 */
const { values } = parseArgs({ options: { work: { type: 'string', default: '0.2' } } });
const SIZES = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
/** The line is straight while a machine does so much of what it would do alone. */
const STRAIGHT_SHARE_MIN = 0.9;

const DATABASES: readonly (readonly [string, Partial<PlanModel>])[] = [
  ['PostgreSQL on two cores that others use too', {}],
  ['the same behind a pooler: one connection a machine', { connectionsPerMachine: 1 }],
  ['20,000 claims a second, behind a pooler, and a store of 100 prefixes', large(20_000)],
];

for (const [name, given] of DATABASES) {
  const model = { ...PLAN_MODEL_DEFAULT, ...given };
  const points = scalingCurve(model, Number(values.work), SIZES);
  console.log(`\n${name}\nmachines   jobs/s  jobs/s per machine  of the ideal  upkeep  held back by`);
  for (const point of points) console.log(row(point));
  const bend = points.find(({ shareOfIdeal }) => shareOfIdeal < STRAIGHT_SHARE_MIN);
  console.log(
    bend
      ? `bends before ${bend.machines} machines, for ${bend.limitedBy ?? 'nothing that has a name'}`
      : `straight to ${SIZES.at(-1)} machines`,
  );
}

function large(claimsPerSecond: number): Partial<PlanModel> {
  return {
    claimsPerSecond,
    connectionsPerMachine: 1,
    storeWritesPerSecond: 100 * PLAN_MODEL_DEFAULT.storeWritesPerSecond,
  };
}

function row(point: ScalingPoint): string {
  return [
    String(point.machines).padStart(8),
    point.jobsPerSecond.toFixed(0).padStart(7),
    point.jobsPerSecondAndMachine.toFixed(2).padStart(18),
    `${(100 * point.shareOfIdeal).toFixed(0)} %`.padStart(12),
    `${(100 * point.upkeepShare).toFixed(0)} %`.padStart(6),
    point.limitedBy ?? '',
  ].join('  ');
}
