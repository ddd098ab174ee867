import { retryDeadJob } from '../../packages/service/src/compose/tools.ts';
import { sendUpload } from './clients.ts';
import type { History } from './history.ts';
import { until } from './struck-node.ts';
import type { Target } from './target.ts';
import type { Verdict } from './verdict.ts';

/** Renditions that came back from the dead, by id, and how often. */
export type Retried = ReadonlyMap<string, number>;

/** A queue that a loaded machine cannot empty in this time is stuck. */
export const QUIET_MS_MAX = 300_000;
const RETRY_ROUNDS_MAX = 5;
/** What kills of workers and nodes may leave behind; a person acts on either by a retry. */
const CAUSES_OF_KILLS: ReadonlySet<string> = new Set(['worker_crashed', 'lease_expired']);

/**
 * Waits until no job waits or runs, gives every dead one another chance, and waits again.
 * @returns what was retried.
 */
export async function settle(subject: Target, verdict: Verdict, quietMsMax: number): Promise<Retried> {
  const retried = new Map<string, number>();
  for (let round = 0; round < RETRY_ROUNDS_MAX; round += 1) {
    await untilQuiet(subject, quietMsMax).catch((error: Error) => verdict.add('stuck', error.message));
    const dead = await deadJobs(subject);
    if (dead.length === 0) break;
    for (const { job_id, cause_code, cause_message, renditions } of dead) {
      if (!CAUSES_OF_KILLS.has(cause_code)) verdict.add('failed', `${job_id}: ${cause_code}: ${cause_message}`);
      if (!(await retryDeadJob(subject.config, 'demo', job_id))) verdict.add('stuck', `${job_id} cannot be retried`);
      for (const id of renditions) retried.set(id, (retried.get(id) ?? 0) + 1);
      verdict.count('quarantined');
    }
  }
  return retried;
}

async function untilQuiet(subject: Target, msMax: number): Promise<void> {
  await subject.withDatabase(async (database) => {
    const isQuiet = async () => {
      const [left] = await database.query<{ left: number }>(
        `SELECT (SELECT count(*) FROM jobs WHERE state <> 'dead') + (SELECT count(*) FROM event_inbox) AS left`,
      );
      return left?.left === 0;
    };
    await until(isQuiet, 'no job waits or runs, and every event is sealed', msMax);
  });
}

interface DeadJobRow {
  readonly job_id: string;
  readonly cause_code: string;
  readonly cause_message: string;
  readonly renditions: readonly string[];
}

function deadJobs(subject: Target): Promise<DeadJobRow[]> {
  return subject.withDatabase((database) =>
    database.query<DeadJobRow>(
      `SELECT j.job_id, j.cause_code, j.cause_message, ARRAY (
         SELECT r.rendition_id FROM renditions r WHERE r.tenant_id = j.tenant_id AND r.job_id = j.job_id
       ) AS renditions
       FROM jobs j WHERE j.state = 'dead'`,
    ),
  );
}

/**
 * Sends everything that went under an Idempotency-Key once more: what was acknowledged must get the same answer, what
 * was not must end as one image. Keys that a killed node still holds are given back first, as time would do.
 */
export async function repeatKeys(subject: Target, history: History, verdict: Verdict): Promise<void> {
  await subject.withDatabase((database) =>
    database.query(`UPDATE idempotency_keys SET lease_until = now() - interval '1 second' WHERE state = 'running'`),
  );
  for (const record of history.uploads) {
    if (record.key === undefined) continue;
    await sendUpload(subject, history, record);
    verdict.count('keys repeated');
    if (record.imageIds.size === 0) verdict.add('stuck', `${record.key} was not answered in peace`);
    if (record.imageIds.size > 1) verdict.add('duplicated', `${record.key} made ${[...record.imageIds].join(' and ')}`);
  }
}
