import { invariant } from '../core/invariant.ts';
import { Wakeup } from '../core/wakeup.ts';
import { DeposedError, tellSealer } from './lease.ts';
import { SEAL_CHANNEL, SEALER_RELEASED } from './model.ts';
import { COALESCE_MS, POLL_MS, type SealerDeps, Term } from './term.ts';

/**
 * Every node runs one; the one that holds the lease seals, the others wait for it. Idle, it costs a look at an empty
 * table per second.
 */
export class Sealer {
  readonly #deps: SealerDeps;
  readonly #wakeup = new Wakeup();
  #term: Term | undefined;
  #isStopping = false;
  #isHinted = false;
  #running: Promise<void> | undefined;
  #unlisten: (() => void) | undefined;

  constructor(deps: SealerDeps) {
    this.#deps = deps;
  }

  /** Whether this node holds the lease, as far as it knows. */
  get leads(): boolean {
    return this.#term !== undefined;
  }

  start(): void {
    invariant(!this.#running, 'a sealer starts once');
    this.#unlisten = this.#deps.database.listen(SEAL_CHANNEL, (payload) => {
      if (this.#term || payload === SEALER_RELEASED) this.#wakeup.signal();
    });
    this.#running = this.#run();
  }

  /** Call after a commit with events: they are sealed within some 50 ms (under load 200), here or on the node that leads. Free. */
  hint(): void {
    this.#isHinted = true;
    this.#wakeup.signal();
  }

  /** Seals, signs and anchors what is there, gives the lease to another node, and ends. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wakeup.end();
    await this.#running;
    this.#unlisten?.();
    await this.#term?.end().catch((error: Error) => this.#tell(error));
    this.#term = undefined;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const nextMs = await this.#step().catch((error: Error) => this.#tell(error));
      await this.#wakeup.wait(Math.min(this.#term?.restMs ?? COALESCE_MS, nextMs), nextMs);
    }
  }

  async #step(): Promise<number> {
    this.#term ??= await Term.begin(this.#deps);
    const wasHinted = this.#isHinted;
    this.#isHinted = false;
    if (this.#term) return this.#term.work();
    if (wasHinted) await tellSealer(this.#deps.database);
    return POLL_MS;
  }

  #tell(error: Error): number {
    // Deposed is not a failure: another sealer is at work.
    if (error instanceof DeposedError) this.#term = undefined;
    else this.#deps.onError(error);
    return POLL_MS;
  }
}
