import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { systemClock } from '../packages/service/src/core/clock.ts';
import { newId } from '../packages/service/src/core/ids.ts';
import type { Database } from '../packages/service/src/db/database.ts';
import { HEARTBEAT_MS, type NodeFacts, recordNode } from '../packages/service/src/fleet/index.ts';
import {
  type ClaimedJob,
  claim,
  complete,
  enqueueMany,
  lookAtQueue,
  RENEW_EVERY_MS,
  reapExpired,
  renew,
  tendQueue,
} from '../packages/service/src/jobs/index.ts';
import { ENQUEUE_BATCH, inTurns } from './support/queue-peers.ts';
import { originalId, QueueStand, tenantId } from './support/queue-stand.ts';
import { median } from './support/statistics.ts';

/**
 * Constants of `safelight plan`: jobs per second that the database hands out and ends (`--claims`), what each look for
 * leases that ran out and delayed jobs takes of them (`--tending`), and what a machine takes each second besides
 * (`--upkeep`): renewing the leases of two workers, the heartbeat.
 *
 *     node bench/plan-model.ts [--jobs 4000] [--rounds 3]
 */
const { values } = parseArgs({
  options: { jobs: { type: 'string', default: '4000' }, rounds: { type: 'string', default: '3' } },
});
const AT_ONCE = 16;
const jobs = Math.ceil(Number(values.jobs) / ENQUEUE_BATCH) * ENQUEUE_BATCH;
const UPKEEPS = 1_000;
const SECOND_MS = 1_000;

const stand = await QueueStand.start();
try {
  const database = await stand.database('model', jobs, AT_ONCE);
  const claims: number[] = [];
  const upkeeps: number[] = [];
  const tendings: number[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    await fill(database);
    const held = [...(await claim(database, 'node_0', 2))];
    tendings.push(await rate(UPKEEPS, () => inTurns(UPKEEPS, AT_ONCE, () => tend(database))));
    upkeeps.push(await rate(UPKEEPS, () => inTurns(UPKEEPS, AT_ONCE, (turn) => keepUp(database, held, turn))));
    claims.push(await rate(jobs - held.length, () => drain(database, jobs - held.length)));
    for (const job of held) await complete(database, job);
  }
  const [perSecond, tending, upkeep] = [median(claims), median(tendings), median(upkeeps)];
  console.log(`load ${loadavg()[0]?.toFixed(1)}, ${AT_ONCE} connections, median of ${values.rounds} rounds`);
  console.log(`--claims   ${perSecond.toFixed(0)} jobs handed out and ended per second`);
  console.log(
    `--tending  ${(perSecond / tending).toFixed(2)} of them for each look (${tending.toFixed(0)} per second)\n` +
      `--upkeep   ${(perSecond / upkeep).toFixed(2)} of them for each machine (${upkeep.toFixed(0)} machines per second)`,
  );
} finally {
  await stand.stop();
}

async function fill(database: Database): Promise<void> {
  await inTurns(jobs / ENQUEUE_BATCH, 2, async (batch) => {
    const made = Array.from({ length: ENQUEUE_BATCH }, (_, index) => ({
      tenantId: tenantId(batch * ENQUEUE_BATCH + index),
      originalId: originalId(batch * ENQUEUE_BATCH + index),
      jobId: newId('job', systemClock),
      lane: 'normal' as const,
      costMicros: 100_000,
      bytesPredicted: 50_000_000,
    }));
    await database.transaction((tx) => enqueueMany(tx, made));
  });
}

/** As a supervisor does. */
async function tend(database: Database): Promise<void> {
  const look = await lookAtQueue(database);
  if (look.isExpired) await database.transaction(reapExpired);
  await tendQueue(database, look);
}

/** What an idle machine of two workers does to the database in a second besides, each with its share. */
async function keepUp(database: Database, held: readonly ClaimedJob[], turn: number): Promise<void> {
  if (turn % Math.round(RENEW_EVERY_MS / SECOND_MS) === 0) await renew(database, held);
  if (turn % Math.round(HEARTBEAT_MS / SECOND_MS) === 0) await recordNode(database, nodeOf(turn), turn < AT_ONCE * 2);
}

function nodeOf(turn: number): NodeFacts {
  const nodeId = `node_${String(turn % AT_ONCE).padStart(26, '0')}`;
  return {
    nodeId,
    bootId: nodeId,
    state: 'up',
    roles: ['worker'],
    version: '0',
    schemaVersion: 1,
    workerProcesses: 2,
    memoryBytes: 2 ** 31,
    host: 'bench',
    address: null,
  };
}

async function drain(database: Database, count: number): Promise<void> {
  let left = count;
  const turn = async (node: number) => {
    while (left > 0) {
      const claimed = await claim(database, `node_${node}`, 1);
      left -= claimed.length;
      for (const job of claimed) await complete(database, job);
      if (claimed.length === 0) return;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, node) => turn(node)));
}

async function rate(count: number, work: () => Promise<void>): Promise<number> {
  const began = systemClock.monotonic();
  await work();
  return (count * 1_000) / (systemClock.monotonic() - began);
}
