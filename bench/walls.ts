import { randomBytes } from 'node:crypto';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { asSuperuser, keyOf } from '../test/support/node-database.ts';
import { Safelight } from '../test/support/safelight.ts';
import { type Answer, HttpClient } from './support/closed-loop.ts';
import { groupCpuMs } from './support/group-cpu.ts';
import { distinct } from './support/safelight-stand.ts';
import { median } from './support/statistics.ts';

/**
 * The cost of the walls: requests per second of one node with row-level security, and with it switched off on every table
 * of the same database, in turn. The routes are those that ask the database the most for what they do: one image, a page
 * of images, an upload of some hundred bytes. No worker runs, and a delivery of what is ready asks the database nothing.
 * Beside it stands what a second of CPU of node and PostgreSQL answers, which other work on the machine moves less.
 *
 *     node bench/walls.ts [--rounds 60] [--seconds 0.7] [--images 2000]
 *
 * Holds when the geometric mean of the routes loses at most 5 %. Some five minutes. The rounds are short because machines have
 * moods that last longer.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '0.7' },
    images: { type: 'string', default: '2000' },
  },
});
const rounds = Number(values.rounds);
const roundMs = Number(values.seconds) * 1_000;
/** Plans are made anew after the switch, which is not to be counted. */
const WARM_UP_MS = 250;
const ANSWER_MS_MAX = 30_000;
const AT_ONCE = 8;
const TENANTS = 20;
const LOSS_MAX = 0.05;
const TABLES = `SELECT format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'safelight' AND c.relkind IN ('r', 'p')`;

type Side = 'with' | 'without';
type Ask = (index: number) => Promise<Answer>;

interface Rate {
  readonly perSecond: number;
  /** Answers per second of CPU of node and PostgreSQL. */
  readonly perCpuSecond: number;
}

const node = await Safelight.start({ env: { SAFELIGHT_ROLES: 'api' } });
const client = new HttpClient(AT_ONCE);
try {
  const keys = await Promise.all(Array.from({ length: TENANTS }, (_, index) => keyOf(node, `tenant-${index}`)));
  const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#808080' } })
    .jpeg()
    .toBuffer();
  const tables = (await asSuperuser(node, TABLES)).map(({ name }) => String(name));
  const images: string[] = [];

  const keyAt = (index: number) => keys[index % TENANTS] ?? {};
  const get = (path: string, index: number) => client.get(`${node.url}/v1/images${path}`, ANSWER_MS_MAX, keyAt(index));
  const upload: Ask = (index) =>
    client.post(
      `${node.url}/v1/images`,
      ANSWER_MS_MAX,
      keyAt(index),
      distinct(picture, randomBytes(8).toString('hex')),
    );
  const routes: Readonly<Record<string, Ask>> = {
    'one image': (index) => get(`/${images[index % images.length]}`, index % images.length),
    'a page of 20': (index) => get('?limit=20', index),
    'an upload': upload,
  };

  await inTurns(
    (index) => index < Number(values.images),
    async (index) => {
      images[index] = String((JSON.parse((await accepted(upload(index))).toString()) as { id: string }).id);
    },
  );
  console.log(`${AT_ONCE} requests at once, ${rounds} rounds of ${roundMs / 1_000} s in turn, medians`);
  console.log('               per second                        per CPU second');
  const ratios: number[] = [];
  for (const [name, ask] of Object.entries(routes)) {
    const pairs: Record<Side, Rate>[] = [];
    for (let round = 0; round < rounds; round += 1) pairs.push(await pair(tables, ask, round % 2 === 0));
    ratios.push(medianRatio(pairs, 'perSecond'));
    const told = (['perSecond', 'perCpuSecond'] as const).map((what) => tell(pairs, what).padEnd(32));
    console.log(`${name.padEnd(14)} ${told.join('  ')}load ${loadavg()[0]?.toFixed(1)}`);
  }
  const loss = 1 - ratios.reduce((product, ratio) => product * ratio, 1) ** (1 / ratios.length);
  console.log(`lost to the walls: ${(loss * 100).toFixed(1)} % in the geometric mean, bound ${LOSS_MAX * 100} %`);
  if (loss > LOSS_MAX) process.exitCode = 1;
} finally {
  client.close();
  await node.close();
}

/** One round of both sides. */
async function pair(tables: readonly string[], ask: Ask, isWithFirst: boolean): Promise<Record<Side, Rate>> {
  const rates = new Map<Side, Rate>();
  for (const side of isWithFirst ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
    const change = side === 'with' ? 'ENABLE ROW LEVEL SECURITY, FORCE' : 'NO FORCE ROW LEVEL SECURITY, DISABLE';
    // Each on its own: a transaction that locks every table would meet those of the node the other way round.
    const changes = tables.map((table) => `BEGIN; ALTER TABLE ${table} ${change} ROW LEVEL SECURITY; COMMIT`);
    await asSuperuser(node, changes.join('; '));
    await measure(ask, WARM_UP_MS);
    rates.set(side, await measure(ask, roundMs));
  }
  const none = { perSecond: Number.NaN, perCpuSecond: Number.NaN };
  return { with: rates.get('with') ?? none, without: rates.get('without') ?? none };
}

async function measure(ask: Ask, msMax: number): Promise<Rate> {
  const { pid = 0 } = node.process;
  const [since, cpuSince] = [performance.now(), groupCpuMs(pid)];
  const done = await inTurns(
    () => performance.now() - since < msMax,
    (index) => accepted(ask(index)),
  );
  const [ms, cpuMs] = [performance.now() - since, groupCpuMs(pid) - cpuSince];
  return { perSecond: (done * 1_000) / ms, perCpuSecond: (done * 1_000) / cpuMs };
}

async function accepted(asked: Promise<Answer>): Promise<Buffer> {
  const { status, body } = await asked;
  if (status >= 400) throw new Error(`answered ${status}: ${body.toString()}`);
  return body;
}

function medianRatio(pairs: readonly Record<Side, Rate>[], what: keyof Rate): number {
  return median(pairs.map((rates) => rates.with[what] / rates.without[what]));
}

function tell(pairs: readonly Record<Side, Rate>[], what: keyof Rate): string {
  const [inside, outside] = (['with', 'without'] as const).map((side) =>
    median(pairs.map((rates) => rates[side][what])),
  );
  return `${inside?.toFixed(0)} with, ${outside?.toFixed(0)} without: ${medianRatio(pairs, what).toFixed(3)}`;
}

/** {@link AT_ONCE} at a time. @returns how many. */
async function inTurns(goesOn: (index: number) => boolean, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const turn = async () => {
    for (let index = next; goesOn(index); index = next) {
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  return next;
}
