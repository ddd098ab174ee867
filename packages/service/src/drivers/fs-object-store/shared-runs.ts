interface Turn {
  readonly running: Promise<void>;
  queued?: Promise<void>;
}

/**
 * Shares runs of a piece of work among callers who need one that began after they asked, as an fsync must begin after
 * the change that it makes durable. One run per subject goes on at a time; all who ask meanwhile share the next.
 */
export class SharedRuns {
  readonly #work: (subject: string) => Promise<void>;
  readonly #turns = new Map<string, Turn>();

  constructor(work: (subject: string) => Promise<void>) {
    this.#work = work;
  }

  /** Resolves, or rejects, with a run of the work on `subject` that began no earlier than this call. */
  run(subject: string): Promise<void> {
    const turn = this.#turns.get(subject);
    if (turn === undefined) return this.#start(subject);
    turn.queued ??= turn.running.then(
      () => this.#start(subject),
      () => this.#start(subject),
    );
    return turn.queued;
  }

  #start(subject: string): Promise<void> {
    const turn: Turn = {
      running: this.#work(subject).finally(() => {
        if (turn.queued === undefined) this.#turns.delete(subject);
      }),
    };
    this.#turns.set(subject, turn);
    return turn.running;
  }
}
