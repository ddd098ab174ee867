import { readFile, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { readOwnTrace } from '../compose.ts';
import {
  drawPlans,
  makeTrace,
  PLAN_MODEL_DEFAULT,
  PLAN_POLICIES,
  type PlanModel,
  type PlanPolicy,
  parseTrace,
  planFleet,
  SCALING_POLICY_DEFAULT,
  type ScalingPolicy,
  SYNTHETIC_TRACES,
  scalingCurve,
  TRACE_DAYS_MAX,
  type Trace,
  TraceError,
} from '../fleet/index.ts';
import { ExitError } from './exit.ts';
import { drawReports, drawScaling } from './plan-text.ts';
import { readSettings } from './settings.ts';

interface PlanOptions {
  readonly trace: string;
  readonly days: number;
  readonly rate: number;
  readonly work: number;
  readonly minutes?: number;
  readonly seed: number;
  readonly policy: PlanPolicy;
  readonly compare?: true;
  readonly scaling?: true;
  readonly machines?: number;
  readonly fixed?: number;
  readonly min: number;
  readonly max: number;
  readonly objective: number;
  readonly objectiveBatch: number;
  readonly costMax?: number;
  readonly workersPerMachine: number;
  readonly start: number;
  readonly price: number;
  readonly claims: number;
  readonly tending: number;
  readonly upkeep: number;
  readonly connections: number;
  readonly connectionsPerMachine: number;
  readonly storeWrites: number;
  readonly network: number;
  readonly json?: true;
  readonly svg?: string;
}

const MODEL = PLAN_MODEL_DEFAULT;
const SIZES = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
const MEGABYTE = 1_000_000;
const MACHINES_MAX = 5_000;
/** What a machine of 2 GB holds in memory while it simulates. */
const JOBS_MAX = 5_000_000;

const EXAMPLES = `
Examples:
  safelight plan --compare                      twenty times as many visitors within a minute: three policies
  safelight plan --trace half-lost --svg a.svg  half of the machines vanish; with a picture
  safelight plan --trace own --days 7           the last week of this installation, once more
  safelight plan --trace monday.csv --max 40    a file: a first line \`at,work_seconds,tenant,lane\`, then a job a line,
                                                such as \`0.25,0.12,acme,normal\` (seconds, or times of ISO 8601)
  safelight plan --scaling --claims 5000        throughput of 10 to 5,000 machines beside a faster database

Nothing is started or changed: the fleet is simulated, with the queue and the scaling policy of this very version.`;

export function addPlan(program: Command): void {
  const plan = program
    .command('plan')
    .description('Simulate a fleet: how long jobs would wait, what it would cost, and what would break first.');
  addArrivals(plan);
  addFleet(plan);
  addModel(plan);
  plan
    .optionsGroup('What is told:')
    .option('--compare', 'all policies side by side')
    .option('--scaling', 'instead: throughput of growing fleets that always have work, and what holds them back')
    .option('--json', 'as JSON')
    .option('--svg <file>', 'draw a picture too')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

function addArrivals(plan: Command): void {
  plan
    .optionsGroup('What comes in:')
    .option('--trace <trace>', `${SYNTHETIC_TRACES.join(', ')}, own, or a CSV file`, 'flash-crowd')
    .option('--days <days>', 'with own: how far back', number(0.01, TRACE_DAYS_MAX), 1)
    .option('--rate <jobs>', 'made traces: jobs per second in ordinary times', number(0.001, 100_000), 10)
    .option('--work <seconds>', 'made traces: mean work of a job for one worker', number(0.001, 3_600), 0.2)
    .option('--minutes <minutes>', 'made traces: how long; absent: what suits each', number(1, TRACE_DAYS_MAX * 1_440))
    .option('--seed <number>', 'made traces: the same number makes the same arrivals', whole(0, 2 ** 31), 1);
}

function addFleet(plan: Command): void {
  plan
    .optionsGroup('How the fleet is scaled:')
    .addOption(new Option('--policy <policy>', 'what decides').choices(PLAN_POLICIES).default(PLAN_POLICIES[0]))
    .option('--objective <seconds>', 'how long a live or normal job may wait', number(0.1, 86_400), 10)
    .option('--objective-batch <seconds>', 'how long a batch job may wait', number(0.1, 604_800), 3_600)
    .option('--min <machines>', 'never fewer', whole(0, MACHINES_MAX), 1)
    .option('--max <machines>', 'never more', whole(1, MACHINES_MAX), 200)
    .option('--cost-max <cost>', 'never more of this per hour', number(0, 1e9))
    .option('--machines <count>', 'at the beginning; absent: what the first tenth needs', whole(0, MACHINES_MAX))
    .option('--fixed <count>', 'size of the fixed fleet; absent: what is needed on the mean', whole(1, MACHINES_MAX));
}

/** The constants of the model; each default has its source in fleet/plan/model.ts. */
function addModel(plan: Command): void {
  plan
    .optionsGroup('What machines, database and store can do:')
    .option('--workers-per-machine <count>', 'one per core', whole(1, 256), MODEL.workersPerMachine)
    .option('--start <seconds>', 'from ordering a machine to its first job', number(0, 3_600), MODEL.startSeconds)
    .option('--price <cost>', 'of a machine for an hour', number(0, 1e6), MODEL.costPerMachineHour)
    .option('--claims <jobs>', 'that the database hands out and ends per second', number(1, 1e6), MODEL.claimsPerSecond)
    .option('--tending <jobs>', 'what a look for lost and delayed jobs takes', number(0, 100), MODEL.claimsPerTending)
    .option('--upkeep <jobs>', 'what a machine takes per second besides', number(0, 100), MODEL.upkeepPerMachine)
    .option('--connections <count>', 'that the database grants', number(1, 1e6), MODEL.connectionsMax)
    .option('--connections-per-machine <count>', 'less behind a pooler', number(0.01, 500), MODEL.connectionsPerMachine)
    .option('--store-writes <count>', 'objects stored per second', number(1, 1e7), MODEL.storeWritesPerSecond)
    .option(
      '--network <megabytes>',
      'of one machine, per second',
      number(0.1, 1e5),
      MODEL.networkBytesPerSecond / MEGABYTE,
    );
}

async function run(options: PlanOptions): Promise<void> {
  const model = modelOf(options);
  if (options.scaling) {
    const points = scalingCurve(model, options.work, SIZES);
    console.log(options.json ? JSON.stringify({ model, points }, undefined, 2) : drawScaling(points));
    return;
  }
  if (options.max < options.min) throw new ExitError(2, '--max must not be less than --min');
  const policies = options.compare ? PLAN_POLICIES : [options.policy];
  const trace = await traceOf(options);
  const reports = planFleet({
    trace,
    model,
    policy: policyOf(options),
    policies,
    machines: options.machines,
    machinesFixed: options.fixed,
  });
  if (options.svg !== undefined) {
    await writeFile(options.svg, drawPlans(reports)).catch((error: Error) => {
      throw new ExitError(1, `the picture cannot be written: ${error.message}`, { cause: error });
    });
  }
  console.log(options.json ? JSON.stringify({ model, reports }, undefined, 2) : drawReports(reports));
}

async function traceOf(options: PlanOptions): Promise<Trace> {
  const { trace, rate, work, minutes, seed } = options;
  const made = SYNTHETIC_TRACES.find((name) => name === trace);
  if (made) {
    const seconds = minutes === undefined ? undefined : minutes * 60;
    // The longest of them lasts a day when nothing is said, and brings twenty times the ordinary rate.
    const jobs = rate * (seconds ?? (made === 'diurnal' ? 86_400 : 3_600)) * (made === 'flash-crowd' ? 8 : 3);
    if (jobs > JOBS_MAX) throw new ExitError(2, `--rate and --minutes make more than ${JOBS_MAX} jobs`);
    return makeTrace(made, { perSecond: rate, workSeconds: work, seconds, seed });
  }
  if (trace === 'own') return ownTrace(options);
  if (!trace.toLowerCase().endsWith('.csv')) {
    throw new ExitError(
      2,
      `--trace is one of ${SYNTHETIC_TRACES.join(', ')}, own, or a file that ends in .csv, not ${trace}`,
    );
  }
  const text = await readFile(trace, 'utf8').catch((error: Error) => {
    throw new ExitError(2, `${trace} cannot be read: ${error.message}`, { cause: error });
  });
  try {
    return parseTrace(trace, text);
  } catch (error) {
    if (error instanceof TraceError) throw new ExitError(2, `${trace}, ${error.message}`);
    throw error;
  }
}

async function ownTrace({ days }: PlanOptions): Promise<Trace> {
  const trace = await readOwnTrace(readSettings({}), days * 86_400, JOBS_MAX).catch((error: Error) => {
    throw new ExitError(1, `the installation's own log cannot be read: ${error.message}`, { cause: error });
  });
  if (trace.at.length === 0) throw new ExitError(1, `nothing was rendered within ${days * 24} hours`);
  return trace;
}

function modelOf(options: PlanOptions): PlanModel {
  return {
    ...MODEL,
    workersPerMachine: options.workersPerMachine,
    startSeconds: options.start,
    costPerMachineHour: options.price,
    claimsPerSecond: options.claims,
    claimsPerTending: options.tending,
    upkeepPerMachine: options.upkeep,
    connectionsMax: options.connections,
    connectionsPerMachine: options.connectionsPerMachine,
    storeWritesPerSecond: options.storeWrites,
    networkBytesPerSecond: options.network * MEGABYTE,
  };
}

function policyOf(options: PlanOptions): ScalingPolicy {
  return {
    ...SCALING_POLICY_DEFAULT,
    workersMin: options.min * options.workersPerMachine,
    workersMax: options.max * options.workersPerMachine,
    waitSecondsObjective: { live: options.objective, normal: options.objective, batch: options.objectiveBatch },
    claimsPerSecondMax: options.claims,
    costPerHourMax: options.costMax ?? Number.POSITIVE_INFINITY,
  };
}

function whole(least: number, most: number): (text: string) => number {
  const read = number(least, most);
  return (text) => {
    const value = read(text);
    if (!Number.isInteger(value)) throw new ExitError(2, `${text} is no whole number`);
    return value;
  };
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= least && value <= most)) throw new ExitError(2, `${text} is no number from ${least} to ${most}`);
    return value;
  };
}
