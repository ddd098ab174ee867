import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TENANT_A } from '../../../../test/support/database.ts';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import { recordEvents } from '../events/index.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { Background } from './background.ts';
import { startPurger } from './purger.ts';

interface Told {
  readonly keys: readonly string[];
  readonly authorization: string | undefined;
}
let log: TestLog;
let cache: Server;
let url: string;
/** What the cache was told and confirmed. */
let told: Told[];
let asked: number;
/** What the cache answers next. */
let answer: (response: ServerResponse) => void;
let purgers: Background[];

beforeEach(async () => {
  log = await createTestLog();
  log.startSealer();
  told = [];
  asked = 0;
  purgers = [];
  answer = (response) => response.end();
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const { surrogateKeys } = JSON.parse(await text(request)) as { surrogateKeys: string[] };
    asked += 1;
    answer(response);
    if (response.statusCode === 200 && response.writableEnded) {
      told.push({ keys: surrogateKeys, authorization: request.headers.authorization });
    }
  };
  cache = createServer((request, response) => void take(request, response)).listen(0, '127.0.0.1');
  await once(cache, 'listening');
  url = `http://127.0.0.1:${(cache.address() as AddressInfo).port}/purge`;
});
afterEach(async () => {
  for (const purger of purgers) await purger.stop();
  cache.closeAllConnections();
  cache.close();
  await log.close();
});

/** A purger that has found its place in the log. */
async function start(token?: string): Promise<Background> {
  const purger = startPurger({
    database: log.database,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    metrics: createMetrics(),
    url,
    token,
  });
  purgers.push(purger);
  await until('the purger holds its place', async () => {
    const rows = await log.database.query(
      'SELECT FROM purge_cursors WHERE log_position IS NOT NULL AND holder IS NOT NULL',
    );
    return rows.length === 2;
  });
  return purger;
}

async function remove(...imageIds: string[]): Promise<void> {
  const data = { originalId: 'orig_1', originalDeleted: true, renditions: 0 };
  const common = { tenantId: TENANT_A, type: 'image.deleted', actor: 'system', data } as const;
  const events = imageIds.map((imageId) => ({ ...common, imageId, subject: imageId }));
  await log.database.transaction((tx) => recordEvents(tx, systemClock, events));
}
const keys = () => told.flatMap((one) => one.keys);

describe('the cache in front', () => {
  it('is told of a deletion within moments, with the token', async () => {
    await start('s3cret');
    await remove('img_1');
    await until('the cache is told', () => keys().includes('img_1'), 3_000);
    expect(told[0]).toEqual({ keys: ['img_1'], authorization: 'Bearer s3cret' });
  });

  it('is told once more when no node can answer the old any longer', async () => {
    await start();
    await remove('img_1');
    await until('the cache is told twice', () => keys().filter((key) => key === 'img_1').length === 2);
  });

  it.each([
    ['answers 503', (response: ServerResponse) => void response.writeHead(503).end()],
    ['answers 401', (response: ServerResponse) => void response.writeHead(401).end()],
    ['sends the token elsewhere', (response: ServerResponse) => void response.writeHead(307, { location: '/' }).end()],
    ['hangs up', (response: ServerResponse) => void response.destroy()],
  ])('is told again when it %s', async (_, fail) => {
    answer = fail;
    await start();
    await remove('img_1');
    await until('the cache was asked twice', () => asked >= 2);
    expect(told).toEqual([]);
    answer = (response) => response.end();
    await until('the cache is told', () => keys().includes('img_1'));
  });

  it('is told by the next purger what one that died had not confirmed', async () => {
    answer = () => undefined;
    const dying = await start();
    await remove('img_1');
    await until('the cache was asked', () => asked === 1);
    await dying.stop();
    answer = (response) => response.end();
    await start();
    await until('the cache is told', () => keys().includes('img_1'));
  });

  it('is told by one of two purgers', async () => {
    await start();
    startSecond();
    await remove('img_1', 'img_2');
    await until('the cache is told', () => keys().length >= 2);
    expect(told.map((one) => one.keys)).toEqual([['img_1', 'img_2']]);
  });
});

function startSecond(): void {
  const metrics = createMetrics();
  const silent = pino({ level: 'silent' });
  purgers.push(
    startPurger({ database: log.database, clock: systemClock, log: silent, metrics, url, token: undefined }),
  );
}
