import type { ServerResponse } from 'node:http';
import pino from 'pino';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TENANT_A, TENANT_B } from '../../../../test/support/database.ts';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { Receiver } from '../../../../test/support/receiver.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { EVENTS_CHANNEL, type Sealer } from '../events/index.ts';
import { fetchesOutside } from '../outbound/index.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import {
  changeWebhook,
  createWebhook,
  getWebhook,
  listDeliveries,
  nextDueMs,
  redeliver,
  redeliverMissed,
  rotateWebhookSecret,
  testWebhook,
} from '../webhooks/index.ts';
import type { Background } from './background.ts';
import { startWebhooker, type WebhookerDeps } from './webhooker.ts';

let log: TestLog;
let sealer: Sealer;
let receiver: Receiver;
let webhookers: Background[] = [];

beforeAll(async () => {
  log = await createTestLog();
  sealer = log.startSealer();
  receiver = await Receiver.start();
});
beforeEach(async () => {
  receiver.forget();
  await log.database.query('DELETE FROM webhooks');
});
afterEach(async () => {
  await Promise.all(webhookers.map((one) => one.stop()));
  webhookers = [];
});
afterAll(async () => {
  await receiver.close();
  await sealer.stop();
  await log.close();
});

function start(given: Partial<WebhookerDeps> = {}, opened: readonly string[] = ['127.0.0.0/8']): Background {
  const outside = fetchesOutside({ opened });
  const deps = { database: log.database, clock: systemClock, metrics: createMetrics(), outside, ...given };
  const webhooker = startWebhooker({ ...deps, log: pino({ level: 'silent' }) });
  webhookers.push(webhooker);
  return webhooker;
}

const author = (tenantId: string) => ({ tenantId, actor: 'key_test' });

async function make(path: string, tenantId = TENANT_A, eventTypes?: ['job.retried']) {
  const wanted = { url: receiver.urlOf(path), description: '', eventTypes: eventTypes ?? ['job.retried' as const] };
  const made = await log.database.asTenant(tenantId, (tx) => createWebhook(tx, systemClock, author(tenantId), wanted));
  return { webhookId: made.webhook.webhookId, secret: made.secret, verifier: new Verifier(made.secret) };
}

const eventually = (look: () => boolean | Promise<boolean>) => until('that has come so far', look);
const messagesTo = (path: string) => receiver.at(path);
const deliveries = (webhookId: string, tenantId = TENANT_A) =>
  log.database.asTenant(tenantId, (tx) =>
    listDeliveries(tx, { tenantId, webhookId }, { beforePosition: undefined, state: undefined, limit: 200 }),
  );
const attemptsOf = async (webhookId: string) => String((await deliveries(webhookId)).map(({ attempts }) => attempts));
const stateOf = (webhookId: string) => log.database.asTenant(TENANT_A, (tx) => getWebhook(tx, TENANT_A, webhookId));
const settled = (webhookId: string, state: 'delivered' | 'failed', count: number) =>
  eventually(async () => (await deliveries(webhookId)).filter((one) => one.state === state).length === count);
/** As if the time of every next attempt had come. */
const hurry = async (webhookId: string) => {
  await log.database.query(`UPDATE webhook_deliveries SET next_at = now() WHERE webhook_id = $1`, [webhookId]);
  await log.database.query(`UPDATE webhooks SET rests_until = '-infinity' WHERE webhook_id = $1`, [webhookId]);
  await log.database.query(`SELECT pg_notify($1, '')`, [EVENTS_CHANNEL]);
};

describe('a webhook', () => {
  it('is told what happens, in a form that the verifier of Standard Webhooks takes', async () => {
    const { webhookId, verifier } = await make('/a');
    start();
    await log.record(TENANT_A, 3);
    await settled(webhookId, 'delivered', 3);
    const told = messagesTo('/a').map(({ body, headers }) => verifier.verify(body, headers) as Record<string, unknown>);
    expect(told).toHaveLength(3);
    expect(told[0]).toMatchObject({ type: 'job.retried', timestamp: expect.stringMatching(/Z$/) });
    const [delivery] = await deliveries(webhookId);
    expect(delivery).toMatchObject({ state: 'delivered', status: 204, attempts: 1, error: undefined });
    expect(messagesTo('/a').map(({ headers }) => headers['webhook-id'])).toContain(delivery?.eventId);
  });

  it('is told of its own tenant alone, and of the types that it asked for', async () => {
    const mine = await make('/mine');
    const theirs = await make('/theirs', TENANT_B);
    start();
    await log.record(TENANT_B, 2);
    await eventually(() => messagesTo('/theirs').length === 2);
    // An event of another type: the creation of this one.
    const last = await make('/last');
    await log.record(TENANT_A, 1);
    await eventually(() => messagesTo('/mine').length === 1 && messagesTo('/last').length === 1);
    expect(await deliveries(mine.webhookId)).toHaveLength(1);
    expect(await deliveries(theirs.webhookId, TENANT_B)).toHaveLength(2);
    expect(await deliveries(last.webhookId)).toHaveLength(1);
    expect(messagesTo('/mine').every(({ body }) => body.includes('job.retried'))).toBe(true);
  });

  it('is told nothing twice by two nodes that both work', async () => {
    const { webhookId } = await make('/two');
    start();
    start();
    await log.record(TENANT_A, 60);
    await settled(webhookId, 'delivered', 60);
    const ids = messagesTo('/two').map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(60);
    expect(ids).toHaveLength(60);
  });

  it('is told by the next look when no word of the news came', async () => {
    const { webhookId } = await make('/deaf');
    const deaf = new Proxy(log.database, {
      get: (target, name) => {
        if (name === 'listen') return () => () => undefined;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    start({ database: deaf, pollMs: 300 });
    // Until what it looked for at its start is over.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await log.record(TENANT_A, 1);
    await settled(webhookId, 'delivered', 1);
  });

  it('that fails is told again with the same id, and rests meanwhile', async () => {
    const { webhookId, verifier } = await make('/fails');
    receiver.answer = (_message, response) => response.writeHead(500).end();
    start();
    await log.record(TENANT_A, 1);
    await eventually(async () => (await deliveries(webhookId))[0]?.attempts === 1);
    const [waiting] = await deliveries(webhookId);
    expect(waiting).toMatchObject({ state: 'pending', status: 500, error: 'the receiver answered 500' });
    expect((waiting?.nextAt?.getTime() ?? 0) - (waiting?.attemptedAt?.getTime() ?? 0)).toBeGreaterThanOrEqual(4_900);
    expect((await stateOf(webhookId))?.failingSince).toBeInstanceOf(Date);
    const dueMs = (waiting?.nextAt?.getTime() ?? 0) - systemClock.now();
    expect(Math.abs(((await nextDueMs(log.database)) ?? 0) - dueMs)).toBeLessThan(1_000);
    receiver.answer = (_message, response) => response.writeHead(200).end('thanks');
    await hurry(webhookId);
    await settled(webhookId, 'delivered', 1);
    const messages = messagesTo('/fails');
    expect(messages.map(({ headers }) => headers['webhook-id'])).toEqual([waiting?.eventId, waiting?.eventId]);
    for (const { body, headers } of messages) verifier.verify(body, headers);
    expect((await stateOf(webhookId))?.failingSince).toBeUndefined();
  });

  it('is tried ten times over three days, then given up, and disabled if nothing came through in that time', async () => {
    const { webhookId } = await make('/never');
    receiver.answer = (_message, response) => response.writeHead(503).end();
    start();
    await log.record(TENANT_A, 2);
    const waitsMs: number[] = [];
    for (let attempt = 1; attempt <= 9; attempt += 1) {
      await eventually(async () => (await attemptsOf(webhookId)) === `${attempt},${attempt}`);
      const [one] = await deliveries(webhookId);
      waitsMs.push((one?.nextAt?.getTime() ?? 0) - (one?.attemptedAt?.getTime() ?? 0));
      await hurry(webhookId);
    }
    const hours = waitsMs.reduce((sum, ms) => sum + ms, 0) / 3_600_000;
    expect(hours).toBeGreaterThan(72);
    expect(hours).toBeLessThan(84);
    await settled(webhookId, 'failed', 2);
    expect(await stateOf(webhookId)).toMatchObject({ state: 'enabled' });
    await log.database.query(`UPDATE webhooks SET failing_since = now() - interval '73 h' WHERE webhook_id = $1`, [
      webhookId,
    ]);
    await log.database.query(`UPDATE webhook_deliveries SET state = 'pending', attempts = 9 WHERE webhook_id = $1`, [
      webhookId,
    ]);
    await hurry(webhookId);
    await eventually(async () => (await stateOf(webhookId))?.state === 'disabled');
    expect((await stateOf(webhookId))?.disabledCause).toMatch(/72 hours; last: the receiver answered 503/);
  });

  it('whose receiver says 410 Gone is disabled at once', async () => {
    const { webhookId } = await make('/gone');
    receiver.answer = (_message, response) => response.writeHead(410).end();
    start();
    await log.record(TENANT_A, 3);
    await eventually(async () => (await stateOf(webhookId))?.state === 'disabled');
    await settled(webhookId, 'failed', 3);
  });

  it('that hangs keeps no other waiting', async () => {
    const held: ServerResponse[] = [];
    receiver.answer = (message, response) =>
      message.path === '/hangs' ? void held.push(response) : response.writeHead(204).end();
    await make('/hangs');
    const prompt = await make('/prompt');
    start();
    await log.record(TENANT_A, 40);
    await settled(prompt.webhookId, 'delivered', 40);
    // At most four requests wait in front of it, however many messages do.
    expect(held.length).toBeLessThanOrEqual(4);
    expect(messagesTo('/hangs').length).toBe(held.length);
    for (const response of held) response.end();
  });

  it('that refuses is not asked for each of the messages that wait for it', async () => {
    receiver.answer = (message, response) => response.writeHead(message.path === '/refuses' ? 500 : 204).end();
    await make('/refuses');
    const willing = await make('/willing');
    start();
    await log.record(TENANT_A, 60);
    await settled(willing.webhookId, 'delivered', 60);
    expect(messagesTo('/refuses').length).toBeLessThan(20);
  });

  it('gets what a node had in hand when it was ended, from another', async () => {
    const { webhookId } = await make('/handed');
    receiver.answer = () => undefined;
    const first = start();
    await log.record(TENANT_A, 1);
    await eventually(() => messagesTo('/handed').length === 1);
    await first.stop();
    expect((await deliveries(webhookId))[0]).toMatchObject({ state: 'pending', attempts: 0 });
    receiver.answer = (_message, response) => response.writeHead(204).end();
    start();
    await settled(webhookId, 'delivered', 1);
  });

  it('is asked nothing inside of the installation’s networks', async () => {
    const { webhookId } = await make('/inside');
    start({}, []);
    await log.record(TENANT_A, 1);
    await eventually(async () => (await deliveries(webhookId))[0]?.attempts === 1);
    expect((await deliveries(webhookId))[0]).toMatchObject({ error: 'This address belongs to no public network.' });
    expect(receiver.received).toEqual([]);
  });

  it('takes messages by either secret while one follows the other', async () => {
    const { webhookId, verifier } = await make('/rotated');
    const rotated = await log.database.asTenant(TENANT_A, (tx) =>
      rotateWebhookSecret(tx, systemClock, author(TENANT_A), webhookId, 3_600),
    );
    start();
    await log.record(TENANT_A, 1);
    await settled(webhookId, 'delivered', 1);
    const [message] = messagesTo('/rotated');
    for (const one of [verifier, new Verifier(rotated?.secret ?? '')])
      expect(one.verify(message?.body ?? '', message?.headers ?? {})).toMatchObject({ type: 'job.retried' });
    await log.database.query(`UPDATE webhooks SET previous_until = now() WHERE webhook_id = $1`, [webhookId]);
    await log.record(TENANT_A, 1);
    await settled(webhookId, 'delivered', 2);
    const { body = '', headers = {} } = messagesTo('/rotated')[1] ?? {};
    expect(() => verifier.verify(body, headers)).toThrow(/No matching signature/);
  });

  it('gets one message again when somebody asks, and what it missed while it was disabled', async () => {
    const { webhookId } = await make('/again');
    start();
    await log.record(TENANT_A, 2);
    await settled(webhookId, 'delivered', 2);
    const [newest] = await deliveries(webhookId);
    const eventId = newest?.eventId ?? '';
    await log.database.asTenant(TENANT_A, (tx) => redeliver(tx, { tenantId: TENANT_A, webhookId, eventId }));
    await eventually(() => messagesTo('/again').length === 3);
    expect(messagesTo('/again')[2]?.headers['webhook-id']).toBe(eventId);
    await settled(webhookId, 'delivered', 2);
    const change = (state: 'enabled' | 'disabled') =>
      log.database.asTenant(TENANT_A, (tx) => changeWebhook(tx, systemClock, author(TENANT_A), webhookId, { state }));
    await change('disabled');
    // Not a moment earlier: the tests before have told the log things as well.
    const before = new Date();
    await log.record(TENANT_A, 3);
    await log.sealAll();
    const missed = { tenantId: TENANT_A, webhookId, since: before };
    expect(await log.database.asTenant(TENANT_A, (tx) => redeliverMissed(tx, missed))).toBe(0);
    await change('enabled');
    await log.database.asTenant(TENANT_A, (tx) => redeliverMissed(tx, missed));
    await eventually(() => messagesTo('/again').length === 6);
    await settled(webhookId, 'delivered', 5);
  });

  it('gets a test alone, and of a type that it did not ask for', async () => {
    const tested = await make('/tested');
    await make('/other');
    start();
    await log.database.asTenant(TENANT_A, (tx) => testWebhook(tx, systemClock, author(TENANT_A), tested.webhookId));
    await eventually(() => messagesTo('/tested').length === 1);
    await log.record(TENANT_A, 1);
    await eventually(() => messagesTo('/other').length === 1 && messagesTo('/tested').length === 2);
    expect(messagesTo('/tested')[0]?.body).toContain('"webhook.tested"');
    expect(messagesTo('/other')[0]?.body).toContain('"job.retried"');
  });
});

describe('redelivery', () => {
  it('finds nothing of another tenant', async () => {
    const { webhookId } = await make('/walls');
    start();
    await log.record(TENANT_A, 1);
    await settled(webhookId, 'delivered', 1);
    const [{ eventId } = { eventId: newId('event', systemClock) }] = await deliveries(webhookId);
    for (const tenantId of [TENANT_A, TENANT_B]) {
      const asked = { tenantId, webhookId, eventId };
      expect(await log.database.asTenant(TENANT_B, (tx) => redeliver(tx, asked))).toBe(false);
    }
  });
});
