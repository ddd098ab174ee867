import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { FastifyReply } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { acceptImage } from '../images/index.ts';
import { RenditionWaiters } from '../renditions/index.ts';
import type { HttpContext } from './context.ts';
import { waitForImage } from './wait.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.close());

it('a wait for an image moves its job to the lane of those that somebody waits for', async () => {
  const { database, tenants } = test;
  const { image } = await acceptImage(database, systemClock, uploadOf(tenants.a, randomBytes(8)));
  const lane = async () => {
    const [job] = await database.query<{ lane: string }>('SELECT lane FROM jobs');
    return job?.lane;
  };
  expect(await lane()).toBe('normal');
  const waiters = new RenditionWaiters({ database, waitersMax: 2 });
  const hints: string[] = [];
  const parts = { clock: systemClock, database, waiters, closing: new AbortController().signal };
  const context = { ...parts, hint: (what: string) => hints.push(what) } as unknown as HttpContext;
  const reply = { raw: new EventEmitter() } as unknown as FastifyReply;
  expect(await waitForImage(context, reply, image, 0.05)).toMatchObject({ imageId: image.imageId });
  expect([await lane(), hints]).toEqual(['live', ['jobs']]);
  waiters.close();
});
