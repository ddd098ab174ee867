import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Database } from '../packages/service/src/db/database.ts';
import { slowPicture, withComment } from '../test/chaos/pictures.ts';
import { signal, type WorkerFacts } from '../test/chaos/process-tree.ts';
import { until } from '../test/chaos/struck-node.ts';
import { Subject } from '../test/chaos/subject.ts';

/**
 * From SIGKILL of a worker in the middle of a job to the next claim of that job, as its row tells (a higher
 * lease_token), and until another worker has it in hand. `node bench/worker-death.ts [--kills 100]`; ends with 1 when a
 * claim came later than promised.
 */
const CLAIM_MS_MAX = 2_000;
const WAIT_MS_MAX = 30_000;
/** Well inside the decode; the first output comes after it. */
const INTO_THE_JOB_MS = 150;

const { values } = parseArgs({ options: { kills: { type: 'string', default: '100' } } });
const kills = Number(values.kills);
const picture = await slowPicture(7_000, 5_000);
const subject = await Subject.start({ env: { SAFELIGHT_LOG_LEVEL: 'error' } });
try {
  const measured: { claimMs: number; inHandMs: number }[] = [];
  await subject.withDatabase(async (database) => {
    for (let n = 0; measured.length < kills; n += 1) {
      const one = await measure(database, n);
      if (!one) continue;
      measured.push(one);
      const [claim, inHand] = [one.claimMs, one.inHandMs].map((ms) => `${ms.toFixed(0)} ms`);
      console.error(`${measured.length} of ${kills}: claimed after ${claim}, in hand after ${inHand}`);
    }
  });
  print(
    'next claim',
    measured.map(({ claimMs }) => claimMs),
  );
  print(
    'in another worker’s hand',
    measured.map(({ inHandMs }) => inHandMs),
  );
  process.exitCode = measured.every(({ claimMs }) => claimMs < CLAIM_MS_MAX) ? 0 : 1;
} finally {
  await subject.close();
}

/** One upload, one kill; undefined when the job was done before the blow fell. */
async function measure(database: Database, n: number): Promise<{ claimMs: number; inHandMs: number } | undefined> {
  const sample = withComment(picture, `${n} ${performance.now()}`);
  const init = { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: Uint8Array.from(sample.bytes) };
  const response = await subject.request('/v1/images', init);
  if (!response.ok) throw new Error(`the upload was answered ${response.status}`);
  const image = (await response.json()) as { urls: { large: string } };
  const worker = await holder();
  await sleep(INTO_THE_JOB_MS);
  const [, jobId = '', token = ''] = /^(.+)-(\d+)$/.exec(worker.jobs[0] ?? '') ?? [];
  const leased = await tokenOf(database, jobId);
  signal(worker.pid, 'SIGKILL');
  const killedAt = performance.now();
  let claimMs: number | undefined;
  let inHandMs: number | undefined;
  await until(
    async () => {
      const now = await tokenOf(database, jobId);
      // The row is gone: the worker had told its end before it died.
      if (now === undefined && claimMs === undefined) return true;
      if (now !== undefined && now > Number(token)) claimMs ??= performance.now() - killedAt;
      if (claimMs !== undefined && isInHand(jobId, token)) inHandMs = performance.now() - killedAt;
      return inHandMs !== undefined;
    },
    'the job is claimed again',
    WAIT_MS_MAX,
  );
  await (await subject.request(image.urls.large)).arrayBuffer();
  await idle(database);
  if (leased === undefined || claimMs === undefined || inHandMs === undefined) return undefined;
  return { claimMs, inHandMs };
}

async function holder(): Promise<WorkerFacts> {
  let found: WorkerFacts | undefined;
  const isHeld = () => {
    found = subject.group().workers.find(({ jobs }) => jobs.length > 0);
    return found !== undefined;
  };
  await until(isHeld, 'a worker has the job', WAIT_MS_MAX);
  if (!found) throw new Error('a worker has the job');
  return found;
}

async function tokenOf(database: Database, jobId: string): Promise<number | undefined> {
  const [row] = await database.query<{ lease_token: number }>('SELECT lease_token FROM jobs WHERE job_id = $1', [
    jobId,
  ]);
  return row?.lease_token;
}

/** Whether a folder of a later claim lies in some worker's scratch folder. */
function isInHand(jobId: string, token: string): boolean {
  const scratch = join(subject.data, 'scratch');
  return readdirSync(scratch).some((slot) =>
    readdirSync(join(scratch, slot)).some((folder) => folder.startsWith(`${jobId}-`) && !folder.endsWith(`-${token}`)),
  );
}

async function idle(database: Database): Promise<void> {
  const isIdle = async () => (await database.query('SELECT FROM jobs LIMIT 1')).length === 0;
  await until(isIdle, 'the queue is empty', WAIT_MS_MAX);
  // A slot whose process was killed idle or replaced is refilled without haste.
  await until(() => subject.group().workers.length > 1, 'the worker processes stand', WAIT_MS_MAX);
}

function print(what: string, times: readonly number[]): void {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(0);
  console.log(`${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms over ${sorted.length} kills`);
}
