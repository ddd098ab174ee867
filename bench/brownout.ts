import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { DATABASE_URL_FILE } from '../packages/service/src/db/open.ts';
import { connectS3 } from '../packages/service/src/drivers/s3-object-store/client.ts';
import { openS3ObjectStore } from '../packages/service/src/drivers/s3-object-store/index.ts';
import { UploadLoad } from '../test/chaos/failover.ts';
import { Ceph } from '../test/support/ceph.ts';
import { CEPH_MISSING, findCeph } from '../test/support/ceph-packages.ts';
import { type Fault, FaultProxy } from '../test/support/fault-proxy.ts';
import { tinyPhoto } from '../test/support/pictures.ts';
import { Safelight } from '../test/support/safelight.ts';
import { quantile } from './support/statistics.ts';

/**
 * Brown-outs: a share of the answers comes late, by way of a TCP proxy. First uploads while the database is slow, then
 * reads of an S3 store with hedging (the driver) and without (the bare client). Holds when no upload fails, and when
 * hedging cuts the slowest hundredth at no more than a twentieth of extra reads.
 *
 *     node bench/brownout.ts [--uploads 300] [--reads 1000] [--ms 1000] [--nth 15]
 */
const { values } = parseArgs({
  options: {
    uploads: { type: 'string', default: '300' },
    reads: { type: 'string', default: '1000' },
    ms: { type: 'string', default: '1000' },
    nth: { type: 'string', default: '15' },
  },
});
const CLIENTS = 6;
const READERS = 4;
const OBJECT_BYTES = 20_000;
/** Until the driver knows what is slow. */
const WARM_READS = 100;
const EXTRA_SHARE_MAX = 0.05;
const slow: Fault = { kind: 'slow', ms: Number(values.ms), nth: Number(values.nth) };
const verdicts: [boolean, string][] = [];

console.log(`one answer in ${values.nth} is ${values.ms} ms late; load average ${loadavg()[0]?.toFixed(1)}`);
await measureDatabase(Number(values.uploads));
if (findCeph()) await measureStore(Number(values.reads));
else console.log(`\nreads of S3 are not measured: ${CEPH_MISSING}`);
console.log('');
for (const [holds, what] of verdicts) console.log(`${holds ? 'holds' : 'MISSED'}: ${what}`);
if (verdicts.some(([holds]) => !holds)) process.exitCode = 1;

async function measureDatabase(uploads: number): Promise<void> {
  const owner = await Safelight.start({ env: { SAFELIGHT_ROLES: 'api' } });
  const url = new URL((await readFile(join(owner.data, DATABASE_URL_FILE), 'utf8')).trim().replace('@/', '@socket/'));
  const proxy = await FaultProxy.beforeDatabase({
    host: url.searchParams.get('host') ?? '',
    port: Number(url.searchParams.get('port')),
  });
  const DATABASE_URL = `postgres://${url.username}:${url.password}@127.0.0.1:${proxy.port}${url.pathname}`;
  const SAFELIGHT_OBJECTS = `file:${join(owner.data, 'objects')}`;
  const node = await Safelight.start({ env: { DATABASE_URL, SAFELIGHT_OBJECTS, SAFELIGHT_WORKERS: '1' } });
  try {
    const jpeg = await tinyPhoto();
    const authorization = `Bearer ${await owner.demoKey()}`;
    console.log(`\nuploads of ${CLIENTS} clients, each after the other`);
    for (const [name, fault] of [
      ['warming up', undefined],
      ['database well', undefined],
      ['brown-out', slow],
      ['well again', undefined],
    ] as const) {
      await proxy.set(fault);
      const since = performance.now();
      const load = new UploadLoad({ url: node.url, authorization, jpeg, clients: CLIENTS });
      await load.acknowledgedSince(0, uploads);
      await load.stop();
      const perSecond = (load.acknowledged.length * 1000) / (performance.now() - since);
      const failed = load.failed.length;
      const ms = load.acknowledged.map(({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs);
      console.log(`  ${line(name, ms)}; ${perSecond.toFixed(0)}/s, ${failed} failed`);
      verdicts.push([failed === 0, `uploads, ${name}: ${failed} failed`]);
    }
  } finally {
    await node.close();
    await proxy.stop();
    await owner.close();
  }
}

async function measureStore(reads: number): Promise<void> {
  const ceph = await Ceph.start();
  const proxy = await FaultProxy.start({ port: ceph.port });
  try {
    const bucket = await ceph.createBucket();
    const place = { region: 'us-east-1', endpoint: `http://127.0.0.1:${proxy.port}`, credentials: ceph.user };
    let hedges = 0;
    const observer = {
      onHedge: () => {
        hedges += 1;
      },
      onRetry: () => undefined,
      onBreaker: () => undefined,
    };
    const store = await openS3ObjectStore({ ...place, bucket, observer });
    await store.put('a/b', randomBytes(OBJECT_BYTES));
    const { client } = connectS3(place);
    const hedged = async () => buffer((await store.read('a/b')).stream);
    const bare = async () => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'a/b' }));
      return Body?.transformToByteArray();
    };
    console.log(`\nreads of ${OBJECT_BYTES} bytes from S3 by ${READERS} readers`);
    for (const read of [hedged, bare]) await times(WARM_READS, read);
    const spread = new Map<string, number[]>();
    for (const [state, fault] of [
      ['store well', undefined],
      ['brown-out', slow],
    ] as const) {
      await proxy.set(fault);
      for (const [how, read] of [
        ['without hedging', bare],
        ['with hedging', hedged],
      ] as const) {
        hedges = 0;
        const ms = await times(reads, read);
        spread.set(`${state} ${how}`, ms);
        console.log(`  ${line(`${state}, ${how}`, ms)}; ${((hedges * 100) / reads).toFixed(1)} % extra reads`);
        verdicts.push([hedges <= reads * EXTRA_SHARE_MAX + 10, `${state}, ${how}: ${hedges} extra reads of ${reads}`]);
      }
    }
    const mean = (name: string) => (spread.get(name) ?? []).reduce((sum, ms) => sum + ms, 0) / reads;
    const ratio = mean('brown-out with hedging') / mean('brown-out without hedging');
    verdicts.push([ratio < 1, `hedging makes the mean read of a brown-out ${ratio.toFixed(2)} of what it is without`]);
  } finally {
    await proxy.stop();
    await ceph.stop();
  }
}

async function times(count: number, read: () => Promise<unknown>): Promise<number[]> {
  const ms: number[] = [];
  let left = count;
  const reader = async () => {
    for (; left > 0; ) {
      left -= 1;
      const since = performance.now();
      await read();
      ms.push(performance.now() - since);
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return ms;
}

function line(name: string, ms: readonly number[]): string {
  const [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map((share) => quantile(ms, share).toFixed(0));
  return `${name}: p50 ${p50}, p90 ${p90}, p95 ${p95}, p99 ${p99} ms`;
}
