import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../test/chaos/random.ts';
import { type Answer, HttpClient } from './closed-loop.ts';

export interface Arrival {
  /** Since the first could have come. */
  readonly sentMs: number;
  readonly endedMs: number;
  /** Undefined when the connection failed or nothing came in time. */
  readonly answer: Answer | undefined;
  readonly failure: string;
}

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly seconds: number;
  readonly random: Random;
  readonly urlOf: (index: number) => string;
  readonly answerMsMax: number;
}

/** No client of a service that is overloaded has more; a machine of two cores holds them. */
const CONNECTIONS_MAX = 4_000;

/**
 * Sends requests by a Poisson clock, whatever becomes of those before: what many strangers do, unlike a loop that
 * waits for its answers and so slows down with the service (Schroeder, Wierman, Harchol-Balter 2006). Late by a stall of this
 * process, an arrival is sent at once; none is left out.
 */
export async function openLoop({
  perSecond,
  seconds,
  random,
  urlOf,
  answerMsMax,
}: OpenLoopOptions): Promise<Arrival[]> {
  const client = new HttpClient(CONNECTIONS_MAX);
  const start = performance.now();
  const arrivals: Promise<Arrival>[] = [];
  try {
    for (let [index, dueMs] = [0, gapMs(random, perSecond)]; dueMs < seconds * 1000; index += 1) {
      const waitMs = dueMs - (performance.now() - start);
      if (waitMs > 1) await sleep(waitMs);
      arrivals.push(send(client, urlOf(index), start, answerMsMax));
      dueMs += gapMs(random, perSecond);
    }
    return await Promise.all(arrivals);
  } finally {
    client.close();
  }
}

function gapMs(random: Random, perSecond: number): number {
  return (-Math.log(1 - random.next()) * 1000) / perSecond;
}

async function send(client: HttpClient, url: string, start: number, answerMsMax: number): Promise<Arrival> {
  const sentMs = performance.now() - start;
  try {
    const answer = await client.get(url, answerMsMax);
    return { sentMs, endedMs: performance.now() - start, answer, failure: '' };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return { sentMs, endedMs: performance.now() - start, answer: undefined, failure: code ?? message };
  }
}
