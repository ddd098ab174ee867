import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { systemClock } from '../packages/service/src/core/clock.ts';
import type { Database, Reads } from '../packages/service/src/db/database.ts';
import { SERVICE_LOGIN } from '../packages/service/src/db/login.ts';
import { acceptImage, getImage, listImages } from '../packages/service/src/images/index.ts';
import { claim, complete } from '../packages/service/src/jobs/index.ts';
import { uploadOf } from '../test/support/uploads.ts';
import { QueueStand, tenantId } from './support/queue-stand.ts';
import { median } from './support/statistics.ts';

/**
 * The walls below everything else: the hot statements as in service, each transaction of a tenant as `safelight_app` behind
 * row-level security, against the same statements in a copy of the database in which no table has row security and no
 * transaction changes its role or names its tenant. Same server, same rows, same indexes, rounds in turn. What a request
 * notices of it is told by bench/walls.ts.
 *
 *     node bench/walls-bare.ts [--rounds 9] [--seconds 2] [--images 4000]
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2' },
    images: { type: 'string', default: '4000' },
  },
});
const rounds = Number(values.rounds);
const roundMs = Number(values.seconds) * 1_000;
const imagesMax = Number(values.images);
const AT_ONCE = 8;
const TENANTS = 20;
const PAGE = 20;

interface Side {
  readonly database: Database;
  readonly tenants: Reads;
  readonly images: { readonly tenant: string; readonly imageId: string }[];
}

type Work = (side: Side, index: number) => Promise<unknown>;

const stand = await QueueStand.start();
try {
  const walled = await fill(await stand.database('walled', 0, AT_ONCE));
  const open = await fill(withoutWalls(await openDatabase()));
  const work: Readonly<Record<string, Work>> = {
    'read by id': readOne,
    list: listPage,
    accept,
    'accept, claim, complete': take,
  };
  const losses: number[] = [];
  console.log(`operations per second, ${AT_ONCE} at once, ${rounds} rounds of ${roundMs / 1_000} s in turn, medians`);
  for (const [name, operation] of Object.entries(work)) {
    await run(walled, operation, roundMs / 4);
    await run(open, operation, roundMs / 4);
    const figures = { walled: [] as number[], open: [] as number[], ratio: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? ([walled, open] as const) : ([open, walled] as const);
      const rates = [await run(order[0], operation, roundMs), await run(order[1], operation, roundMs)];
      const [inside = 0, outside = 0] = round % 2 === 0 ? rates : rates.reverse();
      figures.walled.push(inside);
      figures.open.push(outside);
      figures.ratio.push(inside / outside);
    }
    const ratio = median(figures.ratio);
    losses.push(1 - ratio);
    const spread = `${Math.min(...figures.ratio).toFixed(3)} to ${Math.max(...figures.ratio).toFixed(3)}`;
    const rates = `${Math.round(median(figures.walled))} with, ${Math.round(median(figures.open))} without`;
    console.log(`${name.padEnd(25)}${rates.padEnd(34)}ratio ${ratio.toFixed(3)} (${spread})`);
  }
  const mean = 1 - losses.reduce((product, loss) => product * (1 - loss), 1) ** (1 / losses.length);
  console.log(`lost to the walls: ${(mean * 100).toFixed(1)} % in the geometric mean`);
} finally {
  await stand.stop();
}

/** A database in which whoever is connected sees everything. */
async function openDatabase(): Promise<Database> {
  const database = await stand.database('open', 0, AT_ONCE);
  await stand.superuser('open', async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'safelight' AND c.relkind IN ('r', 'p')`,
    );
    for (const { name } of rows) {
      await client.query(`ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY`);
    }
    await client.query(`GRANT ALL ON ALL TABLES IN SCHEMA safelight TO ${SERVICE_LOGIN}`);
    await client.query(`GRANT ALL ON ALL SEQUENCES IN SCHEMA safelight TO ${SERVICE_LOGIN}`);
  });
  return database;
}

function withoutWalls(database: Database): Database {
  const asTenant: Database['asTenant'] = (_tenantId, work) => database.transaction(work);
  return new Proxy(database, {
    get: (target, name) => {
      if (name === 'asTenant') return asTenant;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function fill(database: Database): Promise<Side> {
  const side: Side = { database, tenants: database, images: [] };
  await inParallel(imagesMax, (index) => accept(side, index));
  await database.query('ANALYZE');
  return side;
}

async function accept(side: Side, index: number): Promise<void> {
  const tenant = tenantId(index % TENANTS);
  const { image } = await acceptImage(side.database, systemClock, uploadOf(tenant, randomBytes(16)));
  side.images.push({ tenant, imageId: image.imageId });
}

async function readOne({ tenants, images }: Side, index: number): Promise<void> {
  const { tenant, imageId } = images[(index * 7_919) % imagesMax] ?? { tenant: '', imageId: '' };
  const lookup = await getImage(tenants, tenant, imageId);
  if (lookup.state !== 'found') throw new Error(`an image is ${lookup.state}`);
}

async function listPage({ tenants }: Side, index: number): Promise<void> {
  const { images } = await listImages(tenants, tenantId(index % TENANTS), { limit: PAGE });
  if (images.length !== PAGE) throw new Error(`a page has ${images.length} images`);
}

/** The whole way of a job; the queue stays as long as it was. */
async function take(side: Side, index: number): Promise<void> {
  await accept(side, index);
  const [job] = await claim(side.database, 'node_bench', 1);
  if (!job) throw new Error('what was accepted has ordered nothing');
  await complete(side.database, job);
}

/** @returns operations per second. */
async function run(side: Side, operation: Work, msMax: number): Promise<number> {
  const since = performance.now();
  let done = 0;
  const turn = async () => {
    while (performance.now() - since < msMax) {
      done += 1;
      await operation(side, done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  return (done * 1_000) / (performance.now() - since);
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const turn = async () => {
    while (next < count) {
      next += 1;
      await work(next);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
}
