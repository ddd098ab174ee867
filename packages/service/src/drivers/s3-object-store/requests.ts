import { setTimeout as pause } from 'node:timers/promises';
import { Allowance } from '../../core/allowance.ts';
import { backoffMs } from '../../core/backoff.ts';
import { Breaker, type BreakerState } from '../../core/breaker.ts';
import type { Clock } from '../../core/clock.ts';
import { failureOf, isIllness, NoAnswerError, outcomeOf } from './failures.ts';

const TRIES_MAX = 3;
const BACKOFF = { baseMs: 100, capMs: 1_000 };
/**
 * Retries as a share of requests. In a storm of 5xx the store gets a tenth more requests, not three times as many
 * ("Addressing Cascading Failures", Site Reliability Engineering, O'Reilly 2016, chapter 22).
 */
const RETRY_SHARE_MAX = 0.1;
const RETRIES_HELD_MAX = 20;

export interface RequestOptions {
  /** One try takes at most this. */
  readonly msMax: number;
  readonly triesMax?: number;
  /** Ends the request; what is thrown then is its reason. */
  readonly signal?: AbortSignal | undefined;
}

interface RequestsDeps {
  readonly clock: Clock;
  /** Bucket and endpoint, for messages. */
  readonly where: string;
  /** Called when the store is silent: connections that are kept may lead nowhere. */
  readonly onSilence: () => void;
  readonly observer?: S3Observer | undefined;
}

/** Told what the driver does beyond what it is asked for. */
export interface S3Observer {
  readonly onRetry: () => void;
  readonly onHedge: () => void;
  readonly onBreaker: (state: BreakerState) => void;
}

/**
 * Sends requests within their time, again where that may help, and turns failures into the port's. While the store
 * answers nothing they fail at once.
 */
export class Requests {
  readonly #deps: RequestsDeps;
  readonly #retries = new Allowance({ share: RETRY_SHARE_MAX, heldMax: RETRIES_HELD_MAX, held: RETRIES_HELD_MAX });

  readonly #breaker: Breaker;

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
    this.#breaker = new Breaker({ clock: deps.clock, what: 'the store', onChange: deps.observer?.onBreaker });
  }

  /**
   * @param key what the request is about, for messages.
   * @param start makes the request, whose `msMax` it keeps itself (by {@link within}) or has kept here.
   * @throws the port's errors, or the signal's reason.
   */
  async send<Answer>(
    key: string,
    options: RequestOptions,
    start: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    return this.retry(key, options, () => this.within(options, start));
  }

  /** The same for a request that keeps its time by {@link within}. */
  async retry<Answer>(
    key: string,
    { triesMax = TRIES_MAX, signal }: Pick<RequestOptions, 'triesMax' | 'signal'>,
    start: () => Promise<Answer>,
  ): Promise<Answer> {
    const { clock, where, observer } = this.#deps;
    this.#retries.earn();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#breaker.run(start, (error) => !signal?.aborted && isIllness(error));
      } catch (error) {
        signal?.throwIfAborted();
        const mayPass = outcomeOf(error) === 'again' && tries < triesMax;
        if (!mayPass || !this.#retries.spend()) throw failureOf(error, key, where);
        observer?.onRetry();
      }
      await pause(backoffMs(tries, BACKOFF, clock.random()));
      signal?.throwIfAborted();
    }
  }

  /** Runs one try until its time or the signal ends it. The answer may be a stream: its signal is let go of by then. */
  async within<Answer>(
    { msMax, signal }: RequestOptions,
    start: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const ending = new AbortController();
    const onAbort = () => ending.abort(signal?.reason);
    const timer = setTimeout(() => {
      ending.abort(new NoAnswerError(`no answer within ${msMax} ms`));
      this.#deps.onSilence();
    }, msMax);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    try {
      return await start(ending.signal);
    } catch (error) {
      throw ending.signal.aborted ? ending.signal.reason : error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
