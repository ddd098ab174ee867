import type { Image } from '@safelight/contract';
import type { SafelightClient, UploadStorage } from '@safelight/sdk';
import { Follows } from './follows.ts';
import { isGone, PageSession } from './session.ts';
import type { State } from './state.ts';
import { Store } from './store.ts';
import { Uploads } from './uploads.ts';
import { nameOf, troubleOf } from './words.ts';

const PAGE_IMAGES = 24;
const RECONNECT_MS = 3_000;

/** Everything that the page does, apart from showing it. */
export class Darkroom {
  readonly uploads: Uploads;
  readonly store = new Store();
  /** For the parts of the page that keep no state of their own here: keys, people, who is logged in. */
  readonly client: SafelightClient;
  /** Does `work`, and once more in a new session when the old one has ended; shows the log-in when there is none. */
  readonly within = <T>(work: () => PromiseLike<T>): Promise<T> => this.#session.within(work);
  readonly #session: PageSession;
  readonly #follows: Follows;
  #reconnecting: ReturnType<typeof setTimeout> | undefined;

  constructor(client: SafelightClient, storage?: UploadStorage) {
    this.client = client;
    this.#session = new PageSession(client, this.store);
    this.#follows = new Follows(client, this.#session, this.store);
    const accepted = (image: Image) => this.#follows.start(image);
    this.uploads = new Uploads({ client, session: this.#session, store: this.store, accepted, storage });
  }

  /** Opens the session and shows the latest pictures; again and again until that works. */
  async open(): Promise<void> {
    clearTimeout(this.#reconnecting);
    await this.#unlessLost(async () => {
      if (!(await this.#session.open())) return;
      this.uploads.tellInterrupted();
      // Who looks after the bills sees no pictures.
      if (this.store.state().session?.scopes?.includes('images:read') === false) {
        this.store.dispatch({ type: 'listed', images: [], next: undefined, first: true });
      } else await this.#list(true);
    });
  }

  async loadMore(): Promise<void> {
    if (this.store.state().loadingMore) return;
    this.store.dispatch({ type: 'loadingMore' });
    await this.#unlessLost(() => this.#list(false));
  }

  async remove(key: string): Promise<void> {
    const card = this.store.card(key);
    if (card?.step !== 'accepted') return;
    const { id } = card.image;
    this.store.dispatch({ type: 'deleting', key, deleting: true });
    try {
      await this.#session.within(() => this.client.images.delete(id));
    } catch (error) {
      if (!isGone(error)) {
        this.store.dispatch({ type: 'deleting', key, deleting: false });
        this.store.say(`Not deleted. ${troubleOf(error).text}`);
        return;
      }
    }
    this.#follows.stop(id);
    this.store.remove(card);
    this.store.say(`${nameOf(card.image)} deleted.`);
  }

  /** The rendition shows the picture now. */
  dropPreview(key: string): void {
    const card = this.store.card(key);
    if (!card?.previewUrl) return;
    URL.revokeObjectURL(card.previewUrl);
    this.store.dispatch({ type: 'previewDropped', key });
  }

  async #list(first: boolean): Promise<void> {
    const { next }: State = this.store.state();
    const after = first ? undefined : next;
    const page = await this.#session.within(() => this.client.images.list({ limit: PAGE_IMAGES, after }));
    this.store.dispatch({ type: 'listed', images: page.images, next: page.next, first });
    for (const image of page.images) this.#follows.start(image);
  }

  async #unlessLost(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.store.dispatch({ type: 'lost', trouble: troubleOf(error) });
      this.#reconnecting = setTimeout(() => void this.open(), RECONNECT_MS);
    }
  }
}
