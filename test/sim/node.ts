import { REAP_EVERY_MS, RENEW_EVERY_MS, type Release, reapDelayMs } from '../../packages/service/src/jobs/index.ts';
import type { Random } from '../chaos/random.ts';
import type { Claimed, World } from './world.ts';

/** A call that is not answered within this is given up; whether it had an effect is not known. */
const CALL_MS_MAX = 5_000;
const LOSS = 0.01;
/** A request that lies somewhere and is executed long after its sender gave it up. */
const DELAY_SHARE = 0.005;
const DELAY_MS_MAX = 40_000;
const RELEASE_TRIES_MAX = 5;
const WORKER_DEATH_SHARE = 0.03;

/** A node as its supervisor is: what it does to the queue over a network that loses and delays, and its own misfortunes. */
export class SimNode {
  readonly #world: World;
  readonly #random: Random;
  readonly #id: string;
  readonly #workers: number;
  /** No two clocks run at the same speed; at the worst ten per cent apart. */
  readonly #pace: number;
  /** How many nodes it believes to be there, however many are. */
  readonly #supervisors: number;
  readonly #running = new Set<Claimed>();
  #run = 0;
  #isUp = false;
  #isClaiming = false;
  #cutOffUntilMs = 0;
  #pausedUntilMs = 0;
  #callsUnderWay = 0;

  constructor(world: World, id: string, workers: number) {
    this.#world = world;
    this.#random = world.random;
    this.#id = id;
    this.#workers = workers;
    this.#pace = world.random.between(0.9, 1.1);
    this.#supervisors = world.random.pick([2, 40, 5_000]) ?? 1;
  }

  /** Neither works nor has anything under way that could still reach the database. */
  get isQuiet(): boolean {
    return this.#isUp && this.#running.size === 0 && this.#callsUnderWay === 0;
  }

  start(): void {
    this.#run += 1;
    this.#isUp = true;
    this.#world.tell(() => `${this.#holder} starts`);
    const begin = () => {
      this.#every(REAP_EVERY_MS, () => this.#claim());
      this.#reapLater();
      this.#every(RENEW_EVERY_MS, () => this.#renew());
    };
    this.#insist(() => this.#world.forsake(this.#id), begin);
  }

  /** SIGKILL, and a start some time later. */
  crash(): void {
    if (!this.#isUp) return;
    this.#world.tell(() => `${this.#holder} is killed`);
    this.#world.ledger.saw('killed');
    this.#isUp = false;
    this.#run += 1;
    this.#running.clear();
    this.#isClaiming = false;
    this.#world.agenda.after(this.#random.between(500, 20_000), () => this.start());
  }

  /** Nothing goes in or out. */
  cutOff(ms: number): void {
    this.#world.tell(() => `${this.#holder} is cut off for ${Math.round(ms)} ms`);
    this.#cutOffUntilMs = this.#world.agenda.nowMs + ms;
  }

  /** SIGSTOP, and SIGCONT some time later: it does not notice. */
  pause(ms: number): void {
    this.#world.tell(() => `${this.#holder} stands still for ${Math.round(ms)} ms`);
    this.#pausedUntilMs = this.#world.agenda.nowMs + ms;
  }

  /** A request arrives for which a worker stands idle, or anybody. */
  ask(): void {
    const isWaiting = this.#isUp && this.#running.size < this.#workers && !this.#isClaiming;
    if (!isWaiting) {
      this.#world.ask(undefined);
      return;
    }
    this.#isClaiming = true;
    this.#call(
      () => this.#world.ask(this.#holder),
      (born) => {
        this.#isClaiming = false;
        if (born) this.#begin(born);
      },
      () => {
        this.#isClaiming = false;
      },
    );
  }

  get #holder(): string {
    return `${this.#id}.${this.#run}`;
  }

  #reapLater(): void {
    this.#later(reapDelayMs(this.#supervisors, this.#random.next()) * this.#pace, () => {
      this.#reapLater();
      this.#call(
        () => this.#world.reap(),
        () => this.#claim(),
        () => undefined,
      );
    });
  }

  #claim(): void {
    const free = this.#workers - this.#running.size;
    if (free <= 0 || this.#isClaiming) return;
    this.#isClaiming = true;
    this.#call(
      () => this.#world.claim(this.#holder, free),
      (claimed) => {
        this.#isClaiming = false;
        for (const one of claimed) this.#begin(one);
      },
      () => {
        // Jobs of an answer that was lost are nobody's until their leases end.
        this.#isClaiming = false;
      },
    );
  }

  #renew(): void {
    const claims = [...this.#running];
    if (claims.length === 0) return;
    this.#call(
      () => this.#world.renew(claims),
      (held) => {
        for (const one of claims)
          if (!held.includes(one) && this.#running.has(one)) this.#giveBack(one, { reason: 'drain' });
      },
      () => undefined,
    );
  }

  #begin(claim: Claimed): void {
    this.#running.add(claim);
    const isLong = this.#random.next() < 0.1;
    const ms = this.#random.between(20, isLong ? 25_000 : 2_000);
    this.#later(ms, () => {
      if (this.#running.has(claim)) this.#end(claim);
    });
  }

  #end(claim: Claimed): void {
    const retry = { reason: 'retry', cause: { code: 'storage_unavailable', message: 'no answer' } } as const;
    const died = { reason: 'worker_died', message: 'killed' } as const;
    const own = this.#world.natureOf(claim.originalId);
    // By chance any worker dies; but what kills whole nodes gets no other end.
    const nature = own !== 'node-killer' && this.#random.next() < WORKER_DEATH_SHARE ? 'worker-killer' : own;
    if (nature === 'worker-killer') this.#giveBack(claim, died);
    else if (nature === 'node-killer') this.crash();
    else if (nature === 'hopeless' || (nature === 'flaky' && claim.attempts < 2)) this.#giveBack(claim, retry);
    else if (nature === 'bad') this.#commit(claim, new Map(), 'undecodable', true);
    else this.#deliver(claim);
  }

  /** Stores every output under a fresh key and makes them true, sometimes the first of them before the rest. */
  #deliver(claim: Claimed): void {
    const outputs = this.#world.ledger.owed(claim.jobId).map(({ id }) => [id, this.#world.putObject()] as const);
    if (outputs.length < 2 || this.#random.next() < 0.7) {
      this.#commit(claim, new Map(outputs), null, true);
      return;
    }
    this.#commit(claim, new Map(outputs.slice(0, 1)), null, false, () => {
      this.#later(this.#random.between(10, 5_000), () => {
        if (this.#running.has(claim)) this.#commit(claim, new Map(outputs.slice(1)), null, true);
      });
    });
  }

  #commit(
    claim: Claimed,
    made: ReadonlyMap<number, string>,
    failed: string | null,
    isFinal: boolean,
    next: () => void = () => this.#done(claim),
  ): void {
    this.#call(
      () => this.#world.commit(claim, made, failed, isFinal),
      (isAccepted) => (isAccepted ? next() : this.#done(claim)),
      // Perhaps it is done, perhaps not: the queue knows, and takes the job back only if it is not.
      () => this.#giveBack(claim, { reason: 'drain' }),
    );
  }

  #giveBack(claim: Claimed, why: Release, tries = 1): void {
    this.#call(
      () => this.#world.release(claim, why),
      () => this.#done(claim),
      () => {
        if (tries < RELEASE_TRIES_MAX) this.#giveBack(claim, why, tries + 1);
        else this.#done(claim);
      },
    );
  }

  #done(claim: Claimed): void {
    if (this.#running.delete(claim)) this.#claim();
  }

  #every(ms: number, what: () => void): void {
    this.#later(ms * this.#pace, () => {
      what();
      this.#every(ms, what);
    });
  }

  #later(ms: number, what: () => void): void {
    this.#laterIn(this.#run, ms, what);
  }

  /** What one run of the node does; after a crash nobody does it, and while the node stands still it waits. */
  #laterIn(run: number, ms: number, what: () => void): void {
    const { agenda } = this.#world;
    agenda.after(ms, () => {
      if (run !== this.#run) return;
      if (agenda.nowMs < this.#pausedUntilMs) this.#laterIn(run, this.#pausedUntilMs - agenda.nowMs, what);
      else what();
    });
  }

  #insist(transaction: () => void, then: () => void): void {
    this.#call(transaction, then, () => this.#insist(transaction, then));
  }

  /** Sends a transaction to the database; it or its answer may be lost, and it may come long after it was given up. */
  #call<T>(transaction: () => T, onAnswer: (answer: T) => void, onLost: () => void): void {
    const { agenda } = this.#world;
    const random = this.#random;
    const run = this.#run;
    if (this.#isCutOff || random.next() < LOSS) {
      this.#later(CALL_MS_MAX, onLost);
      return;
    }
    const isDelayed = random.next() < DELAY_SHARE;
    if (isDelayed) this.#later(CALL_MS_MAX, onLost);
    this.#callsUnderWay += 1;
    agenda.after(isDelayed ? random.between(CALL_MS_MAX, DELAY_MS_MAX) : random.between(1, 20), () => {
      this.#callsUnderWay -= 1;
      const answer = transaction();
      if (isDelayed) this.#world.ledger.saw('came late');
      else if (this.#isCutOff || random.next() < LOSS) {
        this.#world.ledger.saw('answer lost');
        this.#laterIn(run, CALL_MS_MAX, onLost);
      } else this.#laterIn(run, random.between(1, 20), () => onAnswer(answer));
    });
  }

  get #isCutOff(): boolean {
    return this.#world.agenda.nowMs < this.#cutOffUntilMs;
  }
}
