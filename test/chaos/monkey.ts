import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';

/** What was done, and how long it took to be made good. */
export interface Strike<Kind extends string = string> {
  readonly kind: Kind;
  /** SIGKILLs that were aimed on their own; all processes at once count as one. */
  readonly kills: number;
  /** Whether a worker was hit while it had a job. */
  readonly midJob: boolean;
  /** Absent when another strike came before it was made good. */
  recoveryMs?: number;
}

export interface Blow {
  readonly kills: number;
  readonly midJob?: boolean;
  /** Whether nothing is left to strike until it is made good. */
  readonly isTotal?: boolean;
  /** Settles when the part that was hit stands again. */
  readonly recovered: () => Promise<void>;
}

/** What is over when it has been done. */
export const PAUSED: Blow = { kills: 0, recovered: async () => undefined };

/** How to strike; each answers undefined when there was nothing to strike. */
export type Blows<Kind extends string> = Readonly<Record<Kind, () => Promise<Blow | undefined>>>;

/** Below this, the monkey strikes again before the last strike has been made good. */
const HASTE = 0.3;

export interface MonkeyOptions<Kind extends string> {
  readonly blows: Blows<Kind>;
  readonly random: Random;
  /** Milliseconds between two strikes, at least and at most. */
  readonly restMs: readonly [number, number];
  readonly onStrike?: (strike: Strike<Kind>) => void;
}

/** Strikes at random moments, in an order that its seed decides. */
export class Monkey<Kind extends string> {
  readonly #options: MonkeyOptions<Kind>;
  readonly strikes: Strike<Kind>[] = [];
  readonly #recoveries = new Set<Promise<void>>();

  constructor(options: MonkeyOptions<Kind>) {
    this.#options = options;
  }

  get kills(): number {
    return this.strikes.reduce((sum, { kills }) => sum + kills, 0);
  }

  /** Plays the kinds in `deck`, shuffled anew each time it is through, until `enough`; and waits until all stands again. */
  async rage(deck: readonly Kind[], enough: () => boolean): Promise<void> {
    const { random, restMs } = this.#options;
    while (!enough()) {
      for (const kind of random.shuffled(deck)) {
        if (enough()) break;
        await this.#strike(kind);
        await sleep(random.between(...restMs));
      }
    }
    await Promise.all(this.#recoveries);
  }

  async #strike(kind: Kind): Promise<void> {
    const { blows, random, onStrike } = this.#options;
    const blow = await blows[kind]();
    if (!blow) return;
    const startedAt = performance.now();
    const strike: Strike<Kind> = { kind, kills: blow.kills, midJob: blow.midJob ?? false };
    this.strikes.push(strike);
    onStrike?.(strike);
    const recovery = blow.recovered().then(() => {
      if (this.strikes.at(-1) === strike) strike.recoveryMs = performance.now() - startedAt;
    });
    // Awaited below or at the end; until then it must not count as unheard.
    recovery.catch(() => undefined);
    this.#recoveries.add(recovery);
    if (blow.isTotal || random.next() > HASTE) await recovery;
  }
}

/** As many of each kind as are told. */
export function deckOf<Kind extends string>(counts: Readonly<Partial<Record<Kind, number>>>): Kind[] {
  return (Object.entries(counts) as [Kind, number][]).flatMap(([kind, count]) => Array<Kind>(count).fill(kind));
}
