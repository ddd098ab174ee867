import { parseArgs } from 'node:util';
import { UploadLoad } from '../test/chaos/failover.ts';
import { DatabaseCluster } from '../test/support/database-cluster.ts';
import { addTenant } from '../test/support/database-url.ts';
import { tinyPhoto } from '../test/support/pictures.ts';
import { Safelight } from '../test/support/safelight.ts';
import { median } from './support/statistics.ts';

/**
 * The primary of the database is killed under load, again and again: how long until an upload is accepted again, how
 * many requests failed, and whether an acknowledged upload was lost. `node bench/failover.ts [--rounds 5] [--clients 4]`;
 * one primary, two standbys, each commit acknowledged by one of them, fsync on. Somebody promotes at once: what a
 * watchdog would take to make up its mind comes on top. Ends with 1 when something was lost.
 */
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, clients: { type: 'string', default: '4' } },
});
const UPLOADS_BEFORE = 50;
const UPLOADS_AFTER = 50;

interface Round {
  readonly promotedMs: number;
  readonly backMs: number;
  readonly sent: number;
  readonly failed: number;
  readonly longestMs: number;
  readonly lost: number;
}

const jpeg = await tinyPhoto();
const cluster = await DatabaseCluster.start('on');
const node = await startNode();
try {
  const authorization = await addTenant(cluster.url, 'bench');
  const rounds: Round[] = [];
  for (let n = 0; n < Number(values.rounds); n += 1) {
    const round = await loseThePrimary(authorization);
    rounds.push(round);
    const { promotedMs, backMs, sent, failed, longestMs, lost } = round;
    console.log(
      `${n + 1}: promoted after ${promotedMs.toFixed(0)} ms, an upload accepted after ${backMs.toFixed(0)} ms; ` +
        `of ${sent} uploads ${failed} failed, the longest took ${longestMs.toFixed(0)} ms, ${lost} acknowledged lost`,
    );
  }
  const lost = rounds.reduce((sum, round) => sum + round.lost, 0);
  const worst = Math.max(...rounds.map(({ backMs }) => backMs));
  const middle = median(rounds.map(({ backMs }) => backMs));
  console.log(`writes work again after ${middle.toFixed(0)} ms (median; worst ${worst.toFixed(0)} ms); lost: ${lost}`);
  process.exitCode = lost === 0 ? 0 : 1;
} finally {
  await node.close();
  await cluster.close();
}

async function startNode(): Promise<Safelight> {
  try {
    return await Safelight.start({ env: { DATABASE_URL: cluster.url, SAFELIGHT_WORKERS: '1' } });
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

async function loseThePrimary(authorization: string): Promise<Round> {
  const load = new UploadLoad({ url: node.url, authorization, jpeg, clients: Number(values.clients) });
  await load.acknowledgedSince(0, UPLOADS_BEFORE);
  const former = cluster.primary;
  const killedAtMs = performance.now();
  await former.kill();
  await cluster.promote();
  const promotedMs = performance.now() - killedAtMs;
  const backAtMs = await load.acknowledgedSince(killedAtMs, UPLOADS_AFTER);
  await load.stop();
  const lost = await load.lost();
  await cluster.rejoin(former);
  return {
    promotedMs,
    backMs: backAtMs - killedAtMs,
    sent: load.sent.length,
    failed: load.failed.length,
    longestMs: Math.max(...load.sent.map(({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs)),
    lost: lost.length,
  };
}
