import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestLog, newTestEvent, type TestLog } from '../../../../test/support/events.ts';
import { systemClock } from '../core/clock.ts';
import { Database, type DatabaseOptions, type Queryable, type SqlValue } from '../db/database.ts';
import type { Statement } from '../db/statement.ts';
import { EventHub, recordEvents, type SealedEvent, type Sealer } from './index.ts';
import { acquireSealerLease, releaseSealerLease } from './lease.ts';
import { PAGE_EVENTS_MAX } from './model.ts';
import { sealBatch } from './seal.ts';

let log: TestLog;
let hub: EventHub;
beforeAll(async () => {
  log = await createTestLog();
  hub = new EventHub(log.database, (error) => {
    throw error;
  });
});
afterAll(async () => {
  await hub.close();
  await log.close();
});

interface Watch {
  imageId?: string | undefined;
  afterPosition?: number;
  /** Called for each event; the follower waits for it. */
  onEvent?: (event: SealedEvent) => Promise<void> | void;
}

/** Follows until `count` events have come or `signal` aborts. */
async function take(tenantId: string, count: number, watch: Watch = {}, signal = new AbortController().signal) {
  const { imageId, afterPosition = 0, onEvent } = watch;
  const taken: SealedEvent[] = [];
  for await (const event of hub.follow({ tenantId, imageId, afterPosition, signal })) {
    taken.push(event);
    await onEvent?.(event);
    if (taken.length === count) break;
  }
  return taken;
}

class CountedDatabase extends Database {
  reads = 0;
  override query<Row>(sql: Statement | string, values?: readonly SqlValue[]): Promise<Row[]> {
    this.reads += 1;
    return super.query(sql, values);
  }
}

/** A connection on which every notification is lost. */
class DeafDatabase extends Database {
  override listen(): () => void {
    return () => undefined;
  }
}

const connectionOptions = (): DatabaseOptions => ({
  connection: log.service,
  connectionsMax: 5,
  namedStatements: true,
  onError: () => undefined,
});
const head = async (tenantId: string) => {
  const rows = await log.database.query<{ position: number }>('SELECT position FROM event_heads WHERE tenant_id = $1', [
    tenantId,
  ]);
  return rows[0]?.position ?? 0;
};

describe('following', () => {
  let sealer: Sealer;
  beforeAll(() => {
    sealer = log.startSealer();
  });
  afterAll(() => sealer.stop());

  test('yields what happened before and what happens then, of this tenant alone', async () => {
    const { a, b } = log.tenants;
    const start = await head(a);
    await log.record(a, 3);
    const following = take(a, 5, { afterPosition: start });
    await log.record(b, 3);
    await log.record(a, 2);
    const taken = await following;
    expect(taken.map((event) => event.position)).toEqual([1, 2, 3, 4, 5].map((offset) => start + offset));
    expect(new Set(taken.map((event) => event.tenantId))).toEqual(new Set([a]));
  });

  test('yields what tells of one image alone', async () => {
    const { a } = log.tenants;
    await log.record(a, 2, 'img_followed');
    const following = take(a, 4, { imageId: 'img_followed' });
    await log.record(a, 2, 'img_other');
    await log.record(a, 2, 'img_followed');
    expect((await following).map((event) => event.imageId)).toEqual(Array(4).fill('img_followed'));
  });

  test('is told within a fraction of a second of the commit', async () => {
    const { a } = log.tenants;
    const other = log.startSealer();
    const latencies: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const following = take(a, 1, { afterPosition: await head(a) });
      await pause(20);
      await log.record(a, 1);
      const committedAt = performance.now();
      // A node that does not lead passes the hint on.
      other.hint();
      await following;
      latencies.push(performance.now() - committedAt);
    }
    await other.stop();
    expect(latencies.toSorted((x, y) => x - y)[5]).toBeLessThan(500);
  });

  test('is told of a whole batch at once, and of nothing before the position that it came with', async () => {
    const { a } = log.tenants;
    const start = await head(a);
    await log.record(a, 1);
    await expect.poll(() => head(a)).toBe(start + 1);
    const following = take(a, PAGE_EVENTS_MAX - 3, { afterPosition: start + 3 });
    await expect.poll(() => hub.counts().followers).toBe(1);
    await log.record(a, PAGE_EVENTS_MAX - 1);
    const recordedAt = performance.now();
    expect((await following)[0]?.position).toBe(start + 4);
    // Page by page at one page a second it would take four.
    expect(performance.now() - recordedAt).toBeLessThan(3_000);
  });

  test('ends quietly when it is told to, before and while it waits', async () => {
    const { a } = log.tenants;
    const afterPosition = await head(a);
    expect(await take(a, 1, { afterPosition }, AbortSignal.abort())).toEqual([]);
    const abort = new AbortController();
    const following = take(a, 1, { afterPosition }, abort.signal);
    await expect.poll(() => hub.counts().followers).toBe(1);
    abort.abort();
    expect(await following).toEqual([]);
    expect(hub.counts()).toEqual({ followers: 0, tenants: 0 });
  });

  test('a slow follower neither loses anything nor holds up the others, nor fills the memory', async () => {
    const { a } = log.tenants;
    const afterPosition = await head(a);
    const count = 3 * PAGE_EVENTS_MAX;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = take(a, count, { afterPosition, onEvent: () => gate });
    const quick = take(a, count, { afterPosition });
    for (let round = 0; round < 6; round += 1) await log.record(a, PAGE_EVENTS_MAX / 2);
    const taken = await quick;
    release();
    expect(taken.map((event) => event.position)).toEqual(
      Array.from({ length: count }, (_, i) => afterPosition + i + 1),
    );
    expect(await slow).toEqual(taken);
  });

  test('costs one query per batch for the tenants that are followed, none for the others, however many follow', async () => {
    const { a, b } = log.tenants;
    const counted = new CountedDatabase(connectionOptions());
    const own = new EventHub(counted, () => undefined);
    const abort = new AbortController();
    const afterPosition = await head(a);
    const events: number[] = [];
    const followers = Array.from({ length: 200 }, async (_, index) => {
      const imageId = index === 0 ? undefined : `img_${index}`;
      const options = { tenantId: a, imageId, afterPosition, signal: abort.signal };
      for await (const event of own.follow(options)) events.push(event.position);
    });
    await expect.poll(() => own.counts().followers).toBe(200);
    await pause(100);
    counted.reads = 0;
    await log.record(a, 3);
    await log.record(b, 3);
    await expect.poll(() => events.length).toBe(3);
    // One for the hint, one more if the events came in two batches, and one per second of polling on a slow machine;
    // not one for each of the two hundred.
    expect(counted.reads).toBeLessThanOrEqual(20);
    abort.abort();
    await Promise.all(followers);
    await own.close();
    await counted.close();
  });

  test('misses nothing when hints are lost', async () => {
    const { a } = log.tenants;
    const deaf = new DeafDatabase(connectionOptions());
    const own = new EventHub(deaf, () => undefined);
    const afterPosition = await head(a);
    const taken: number[] = [];
    const following = (async () => {
      for await (const event of own.follow({ tenantId: a, afterPosition, signal: new AbortController().signal })) {
        if (taken.push(event.position) === 2) break;
      }
    })();
    await pause(50);
    await log.record(a, 2);
    await following;
    expect(taken).toEqual([afterPosition + 1, afterPosition + 2]);
    await own.close();
    await deaf.close();
  });
});

describe('under concurrent writers', () => {
  test('every follower gets everything exactly once and in order, across reconnects', async () => {
    await fc.assert(fc.asyncProperty(fc.infiniteStream(fc.nat(9)), storm), { numRuns: 6 });
  });

  /** Seals in many small batches, so that followers come and go in the middle of them. */
  const sealUntil = async (signal: AbortSignal, draw: () => number) => {
    const acquired = await acquireSealerLease(log.database, `node_${draw()}`, 10_000);
    if (!acquired) throw new Error('nobody else seals now');
    while (!signal.aborted) {
      await sealBatch(log.database, acquired.lease, 10_000);
      await pause(draw());
    }
    await releaseSealerLease(log.database, acquired.lease);
  };

  /** Writers that commit late or not at all, followers that come, go and come back. */
  async function storm(stream: Iterable<number>): Promise<void> {
    const draws = stream[Symbol.iterator]();
    const draw = () => Number(draws.next().value);
    const tenants = [log.tenants.a, log.tenants.b];
    const starts = new Map(await Promise.all(tenants.map(async (t) => [t, await head(t)] as const)));
    const committed: { tenantId: string; subject: string; imageId: string | undefined }[] = [];
    const writer = async () => {
      for (let round = 0; round < 8; round += 1) {
        const tenantId = tenants[draw() % 2] ?? '';
        const events = Array.from({ length: 1 + (draw() % 4) }, () => newTestEvent(tenantId, `img_${draw() % 3}`));
        const isRolledBack = draw() === 0;
        await log.database
          .asTenant(tenantId, async (tx: Queryable) => {
            await recordEvents(tx, systemClock, events.slice(0, 1));
            await pause(draw() * 4);
            await recordEvents(tx, systemClock, events.slice(1));
            if (isRolledBack) throw new Error('rolled back');
          })
          .then(
            () => committed.push(...events.map(({ subject, imageId }) => ({ tenantId, subject, imageId }))),
            () => undefined,
          );
      }
    };
    const stop = new AbortController();
    const follow = (tenantId: string, imageId: string | undefined) => {
      const seen: SealedEvent[] = [];
      const run = async () => {
        while (!stop.signal.aborted) {
          const afterPosition = seen.at(-1)?.position ?? starts.get(tenantId) ?? 0;
          let left = 1 + draw();
          for await (const event of hub.follow({ tenantId, imageId, afterPosition, signal: stop.signal })) {
            seen.push(event);
            await pause(draw() === 0 ? 20 : 0);
            left -= 1;
            if (left === 0) break;
          }
        }
      };
      return { tenantId, imageId, seen, ended: run() };
    };
    const followers = tenants.flatMap((tenantId) => [undefined, 'img_0', 'img_1'].map((id) => follow(tenantId, id)));
    const sealing = sealUntil(stop.signal, draw);
    await Promise.all(Array.from({ length: 5 }, writer));
    for (const { tenantId, imageId, seen } of followers) {
      const wanted = committed
        .filter((event) => event.tenantId === tenantId && (imageId === undefined || event.imageId === imageId))
        .map((event) => event.subject)
        .toSorted();
      await expect.poll(() => seen.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(wanted.length);
      expect(seen.map((event) => event.subject).toSorted()).toEqual(wanted);
      const positions = seen.map((event) => event.position);
      expect(positions).toEqual(positions.toSorted((x, y) => x - y));
    }
    stop.abort();
    await Promise.all([sealing, ...followers.map(({ ended }) => ended)]);
  }
});
