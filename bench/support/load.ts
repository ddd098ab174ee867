import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { LoadOutcome, LoadPlan } from './load-process.ts';

const LOAD_PROCESS = fileURLToPath(new URL('load-process.ts', import.meta.url));
const GRACE_MS = 30_000;

/** Loads a server from a process of its own. @throws when an answer was not 200, or the load does not end. */
export async function runLoad(plan: Partial<LoadPlan> & Pick<LoadPlan, 'urls' | 'ms'>): Promise<LoadOutcome> {
  const whole: LoadPlan = { connections: 16, requestsMax: Number.MAX_SAFE_INTEGER, pauseMs: 0, ...plan };
  const { stdout } = await promisify(execFile)(process.execPath, [LOAD_PROCESS, JSON.stringify(whole)], {
    timeout: plan.ms + GRACE_MS,
  });
  const outcome = JSON.parse(stdout) as LoadOutcome;
  if (outcome.failures > 0) throw new Error(`${outcome.failures} of ${outcome.requests} requests failed`);
  return outcome;
}
