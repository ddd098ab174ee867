import { Wakeup } from '../core/wakeup.ts';
import type { Database } from '../db/database.ts';
import { type Deed, listenForDeeds } from '../events/index.ts';

/** Work that goes on beside the requests until it is stopped. */
export interface Background {
  /** Begins nothing more, and waits for what is under way. */
  stop(): Promise<void>;
}

export interface Turns {
  readonly everyMs: number;
  readonly turn: (ending: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Does a turn every so often; one that takes longer than the time between two is not followed by a queue of others. */
export function runTurns({ everyMs, turn, onError }: Turns): Background & { readonly now: () => Promise<void> } {
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  const now = () => {
    running ??= turn(ending.signal)
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const timer = setInterval(now, everyMs);
  return {
    now,
    stop: async () => {
      clearInterval(timer);
      ending.abort();
      await running;
    },
  };
}

/**
 * Runs `work`, which rests on the wakeup between two looks and ends when it is told to.
 * @param news where somebody says on `channel` that there is something to do.
 */
export function runWoken(
  work: (wakeup: Wakeup, ending: AbortSignal) => Promise<void>,
  news?: { readonly database: Database; readonly channel: string },
): Background {
  const ending = new AbortController();
  const wakeup = new Wakeup();
  const unlisten = news?.database.listen(news.channel, () => wakeup.signal());
  const running = work(wakeup, ending.signal);
  return {
    stop: async () => {
      unlisten?.();
      ending.abort();
      wakeup.end();
      await running;
    },
  };
}

export interface Attention {
  readonly database: Pick<Database, 'listen'>;
  /** What makes work. */
  readonly deeds: readonly Deed[];
  /** Between two turns while there is work. */
  readonly everyMs: number;
  /** Between two turns while there is none: what a lost notification costs, and what falls due with time alone. */
  readonly pollMs: number;
  /** @returns whether there was something to do. */
  readonly turn: (ending: AbortSignal) => Promise<boolean>;
  readonly onError: (error: unknown) => void;
}

/** After work, or word of some, it is looked for this often before it is taken for done: a row may fall due in between. */
const QUIET_TURNS = 2;

/** Does a turn when a deed is told, one after the other while there is work, and seldom while there is none. */
export function runAttentive({ database, deeds, everyMs, pollMs, turn, onError }: Attention): Background {
  const ending = new AbortController();
  const wakeup = new Wakeup();
  let quietTurns = 0;
  const unlisten = listenForDeeds(database, deeds, () => {
    quietTurns = 0;
    wakeup.signal();
  });
  const run = async () => {
    while (!ending.signal.aborted) {
      quietTurns += 1;
      const isBusy = await turn(ending.signal).catch((error: unknown) => {
        if (!ending.signal.aborted) onError(error);
        return true;
      });
      if (isBusy) quietTurns = 0;
      await wakeup.wait(everyMs, quietTurns < QUIET_TURNS ? everyMs : pollMs);
    }
  };
  const running = run();
  return {
    stop: async () => {
      unlisten();
      ending.abort();
      wakeup.end();
      await running;
    },
  };
}
