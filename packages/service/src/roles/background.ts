import { Wakeup } from '../core/wakeup.ts';
import type { Database } from '../db/database.ts';

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
