import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ObjectBodyStream } from './object-body.ts';

const TEXT = Buffer.from('all the bytes of an object');
const HALF = 10;
const WAIT = { timeout: 20_000 };

describe('the body of an object', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function halfSent() {
    const source = new PassThrough();
    source.write(TEXT.subarray(0, HALF));
    const asked: number[] = [];
    const resume = (position: number) => {
      asked.push(position);
      const rest = new PassThrough();
      rest.end(TEXT.subarray(position));
      return Promise.resolve(rest);
    };
    return { source, asked, body: new ObjectBodyStream({ source, bytes: TEXT.length, resume }) };
  }

  it('is read on over another connection when the store falls silent in the middle', async () => {
    const { source, asked, body } = halfSent();
    const whole = buffer(body);
    await vi.waitUntil(() => source.readableLength === 0, WAIT);
    await vi.advanceTimersByTimeAsync(10_000);
    expect((await whole).equals(TEXT)).toBe(true);
    expect(asked).toEqual([HALF]);
    expect(source.destroyed).toBe(true);
  });

  it('waits for a reader who rests, however long', async () => {
    const { source, asked, body } = halfSent();
    body.resume();
    await vi.waitUntil(() => source.readableLength === 0, WAIT);
    body.pause();
    const highWaterMark = body.readableHighWaterMark;
    source.write(Buffer.alloc(highWaterMark));
    await vi.waitUntil(() => body.readableLength >= highWaterMark, WAIT);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([]);
    expect(source.destroyed).toBe(false);
    body.destroy();
  });

  it('is an error when the store sent less than it told and cannot send the rest', async () => {
    const source = new PassThrough();
    source.end(TEXT.subarray(0, HALF));
    const resume = () => Promise.reject(new Error('gone'));
    await expect(buffer(new ObjectBodyStream({ source, bytes: TEXT.length, resume }))).rejects.toThrow('gone');
  });

  it('lets go of a connection that was opened for a reader who has left', async () => {
    const source = new PassThrough();
    const late = new PassThrough();
    const reconnecting = Promise.withResolvers<PassThrough>();
    const asked = Promise.withResolvers<void>();
    const resume = () => {
      asked.resolve();
      return reconnecting.promise;
    };
    const body = new ObjectBodyStream({ source, bytes: TEXT.length, resume });
    body.resume();
    source.destroy(new Error('broken'));
    await asked.promise;
    body.destroy();
    reconnecting.resolve(late);
    await vi.waitUntil(() => late.destroyed, WAIT);
  });
});
