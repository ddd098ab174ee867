import { type SafelightClient, SafelightError } from '@safelight/sdk';
import type { Store } from './store.ts';

/** The page's right to act, which ends when the service restarts; the next one is opened without troubling anybody. */
export class PageSession {
  readonly #client: SafelightClient;
  readonly #store: Store;

  constructor(client: SafelightClient, store: Store) {
    this.#client = client;
    this.#store = store;
  }

  /** Whoever is logged in, or the page of this machine; else shows how to log in. @returns whether anybody is there. */
  async open(): Promise<boolean> {
    try {
      this.#store.dispatch({ type: 'opened', session: await this.#client.openSession() });
      return true;
    } catch (error) {
      if (!(error instanceof SafelightError) || error.code !== 'route_not_found') throw error;
      this.#store.dispatch({ type: 'loggedOut', ways: await this.#client.session.ways() });
      return false;
    }
  }

  /** Does `work`, and once more in a new session when the old one has ended. */
  async within<T>(work: () => PromiseLike<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SafelightError) || error.status !== 401) throw error;
      if (!(await this.open())) throw error;
      return work();
    }
  }
}

/** Whether the image is deleted already, by whomever. */
export function isGone(error: unknown): boolean {
  return error instanceof SafelightError && (error.code === 'image_gone' || error.code === 'image_not_found');
}
