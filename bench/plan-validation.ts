import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  type LaneWaits,
  PLAN_MODEL_DEFAULT,
  planFleet,
  SCALING_POLICY_DEFAULT,
  traceOf,
} from '../packages/service/src/fleet/index.ts';
import type { Lane } from '../packages/service/src/jobs/index.ts';
import { photo } from '../scripts/make-pictures.ts';
import { Random } from '../test/chaos/random.ts';
import { asSuperuser } from '../test/support/node-database.ts';
import { Safelight } from '../test/support/safelight.ts';
import { distinct, idle, upload } from './support/safelight-stand.ts';
import { quantile } from './support/statistics.ts';

/**
 * The simulator of `safelight plan` against a real node on this machine: uploads arrive by a Poisson clock, then all at
 * once; the database notes when each job was put into the queue, claimed and ended. The simulator gets the arrivals, how
 * long each job kept its worker, and how long a worker was between two jobs, and must tell how long they waited. A second prediction knows no times but the
 * mean: each job gets the cost that the service itself predicted before it ran, as `safelight plan` would have had it.
 *
 *     node bench/plan-validation.ts [--seconds 40] [--per-second 6] [--burst 60] [--seed 1]
 *
 * Holds when p50 and p95 of the waits are within 20 % of the measured ones, or within 20 ms where those are short.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '40' },
    'per-second': { type: 'string', default: '6' },
    burst: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
  },
});
const WORKERS = 2;
const UPLOADS_AT_ONCE = 8;
const ERROR_SHARE_MAX = 0.2;
const ERROR_SECONDS_MAX = 0.02;

/** One job as the database saw it, in seconds since the epoch. */
interface Seen {
  readonly lane: Lane;
  readonly tenant: string;
  readonly queued: number;
  readonly claimed: number;
  readonly ended: number;
  readonly predicted: number;
}

const random = new Random(Number(values.seed));
const safelight = await Safelight.start({ env: { SAFELIGHT_WORKERS: String(WORKERS) } });
let holds = true;
try {
  const picture = await photo(2400, 1600).jpeg({ quality: 85 }).toBuffer();
  let sent = 0;
  const send = () => {
    sent += 1;
    return upload(safelight, distinct(picture, `${sent}`));
  };
  for (let warm = 0; warm < 8; warm += 1) await send();
  await idle(safelight);
  await watchJobs();
  judge('a trickle', await phase(() => trickle(send)));
  judge('a burst', await phase(() => burst(send)));
} finally {
  await safelight.close();
}
if (!holds) process.exitCode = 1;

/** Whatever becomes of those before, as strangers do. */
async function trickle(send: () => Promise<unknown>): Promise<void> {
  const [seconds, perSecond] = [Number(values.seconds), Number(values['per-second'])];
  const start = performance.now();
  const uploads: Promise<unknown>[] = [];
  for (let due = 0; due < seconds * 1_000; due += (-Math.log(1 - random.next()) * 1_000) / perSecond) {
    await sleep(Math.max(0, due - (performance.now() - start)));
    uploads.push(send());
  }
  await Promise.all(uploads);
}

async function burst(send: () => Promise<unknown>): Promise<void> {
  let left = Number(values.burst);
  const turn = async () => {
    while (left > 0) {
      left -= 1;
      await send();
    }
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, turn));
}

/** Notes each job as its row goes, past row security and with next to no work for the queue. */
async function watchJobs(): Promise<void> {
  await asSuperuser(
    safelight,
    `CREATE TABLE public.seen (lane text, tenant text, queued float8, claimed float8, ended float8, predicted float8);
     CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
     BEGIN
       INSERT INTO public.seen VALUES (OLD.lane, OLD.tenant_id, extract(epoch FROM OLD.created_at),
         extract(epoch FROM OLD.first_claimed_at), extract(epoch FROM clock_timestamp()), OLD.cost_micros / 1e6);
       RETURN NULL;
     END $$;
     CREATE TRIGGER see AFTER DELETE ON safelight.jobs FOR EACH ROW EXECUTE FUNCTION public.see();`,
  );
}

async function phase(work: () => Promise<void>): Promise<Seen[]> {
  await asSuperuser(safelight, 'TRUNCATE public.seen');
  await work();
  await idle(safelight);
  return (await asSuperuser(safelight, 'SELECT * FROM public.seen ORDER BY queued')) as unknown as Seen[];
}

function judge(name: string, jobs: readonly Seen[]): void {
  const measured = jobs.map(({ queued, claimed }) => claimed - queued);
  const served = jobs.map(({ claimed, ended }) => ended - claimed);
  const mean = (figures: readonly number[]) => figures.reduce((sum, one) => sum + one, 0) / figures.length;
  const between = turns(jobs);
  const wakeSeconds = between.length > 0 ? mean(between) : PLAN_MODEL_DEFAULT.wakeSeconds;
  const known = simulated(jobs, served, wakeSeconds);
  const slowness = mean(served) / mean(jobs.map(({ predicted }) => predicted));
  const foreseen = simulated(
    jobs,
    jobs.map(({ predicted }) => predicted * slowness),
    wakeSeconds,
  );
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `\n${name}: ${jobs.length} jobs, ${ms(mean(served))} of a worker each and ${ms(wakeSeconds)} until its next, load ${load}`,
  );
  for (const [share, label] of [
    [0.5, 'p50'],
    [0.95, 'p95'],
  ] as const) {
    const real = quantile(measured, share);
    const [told, fromCost] = [known[`${label}Seconds`], foreseen[`${label}Seconds`]];
    const isNear = Math.abs(told - real) <= Math.max(ERROR_SHARE_MAX * real, ERROR_SECONDS_MAX);
    holds &&= isNear;
    console.log(
      `  ${label} of the wait: measured ${ms(real)}, simulated ${ms(told)} (${(told / real).toFixed(2)}), ` +
        `from predicted costs ${ms(fromCost)} (${(fromCost / real).toFixed(2)}): ${isNear ? 'holds' : 'MISSED'}`,
    );
  }
}

/** From an end to the claim of a job that waited for it: commit and round trips, a constant of the model. */
function turns(jobs: readonly Seen[]): number[] {
  const ends = jobs.map(({ ended }) => ended).sort((a, b) => a - b);
  const inTurn = [...jobs].sort((a, b) => a.claimed - b.claimed);
  return inTurn.flatMap(({ queued, claimed }, index) => {
    const freedAt = ends[index - WORKERS];
    return freedAt !== undefined && freedAt > queued ? [Math.max(0, claimed - freedAt)] : [];
  });
}

/** What the simulator tells of these arrivals on a machine like this one; uploads are all of the lane `normal`. */
function simulated(jobs: readonly Seen[], workSeconds: readonly number[], wakeSeconds: number): LaneWaits {
  const arrivals = jobs.map(({ queued, tenant, lane }, index) => ({
    atSeconds: queued,
    workSeconds: workSeconds[index] ?? 0,
    tenant,
    lane,
  }));
  const trace = traceOf('real', arrivals, jobs[0]?.queued ?? 0);
  // What a job does to store and network is in the time that it kept its worker.
  const model = { ...PLAN_MODEL_DEFAULT, workersPerMachine: WORKERS, bytesPerJob: 0, writesPerJob: 0, wakeSeconds };
  const [report] = planFleet({
    trace,
    model,
    policy: SCALING_POLICY_DEFAULT,
    policies: ['fixed'],
    machinesFixed: 1,
  });
  if (!report?.waits.normal) throw new Error('no upload waited in the lane normal');
  return report.waits.normal;
}

function ms(seconds: number): string {
  return `${(seconds * 1_000).toFixed(0)} ms`;
}
