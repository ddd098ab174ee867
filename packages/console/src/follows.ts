import type { Image } from '@safelight/contract';
import { type ImageEvent, type SafelightClient, SafelightError } from '@safelight/sdk';
import { isGone, type PageSession } from './session.ts';
import { createSlots } from './slots.ts';
import { isSettled } from './state.ts';
import type { Store } from './store.ts';
import { nameOf } from './words.ts';

/**
 * Each followed image holds one of the browser's six connections to the host. Those that wait lose nothing: a stream
 * begins with what has happened already.
 */
const FOLLOWED_MAX = 2;
const AGAIN_MS = 3_000;

/** Watches images until their renditions have ended. */
export class Follows {
  readonly #client: SafelightClient;
  readonly #session: PageSession;
  readonly #store: Store;
  readonly #slot = createSlots(FOLLOWED_MAX);
  readonly #running = new Map<string, AbortController>();

  constructor(client: SafelightClient, session: PageSession, store: Store) {
    this.#client = client;
    this.#session = session;
    this.#store = store;
  }

  start(image: Image): void {
    if (isSettled(image) || this.#running.has(image.id)) return;
    const abort = new AbortController();
    this.#running.set(image.id, abort);
    this.#slot(() => this.#untilSettled(image.id, abort.signal))
      .catch(() => undefined) // stopped
      .finally(() => this.#running.delete(image.id));
  }

  stop(imageId: string): void {
    this.#running.get(imageId)?.abort();
  }

  async #untilSettled(imageId: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      try {
        await this.#hear(imageId, signal);
        if (await this.#readAgain(imageId, signal)) return;
      } catch (error) {
        signal.throwIfAborted();
        if (isGone(error)) return this.#forget(imageId);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        if (error instanceof SafelightError && error.status === 401) await this.#session.open().catch(() => undefined);
      }
    }
  }

  async #hear(imageId: string, signal: AbortSignal): Promise<void> {
    for await (const event of this.#client.images.follow(imageId, { signal })) {
      this.#apply(imageId, event);
      const card = this.#store.imageCard(imageId);
      if (!card || isSettled(card.image)) return;
    }
  }

  #apply(imageId: string, event: ImageEvent): void {
    if (event.type === 'rendition.ready') {
      const { renditionId: id, format, width, height, bytes, renderMs } = event.data;
      const rendition = { id, state: 'ready' as const, format, width, height, bytes, renderMs };
      this.#store.dispatch({ type: 'renditionChanged', imageId, rendition });
    } else if (event.type === 'rendition.failed') {
      const { renditionId: id, cause } = event.data;
      this.#store.dispatch({ type: 'renditionChanged', imageId, rendition: { id, state: 'failed', cause } });
    } else if (event.type === 'image.deleted' || event.type === 'image.trashed') this.#forget(imageId);
  }

  /** The image itself tells the truth, whatever was heard. Whether nothing more will happen to it. */
  async #readAgain(imageId: string, signal: AbortSignal): Promise<boolean> {
    const image = await this.#session.within(() => this.#client.images.get(imageId, { signal }));
    this.#store.dispatch({ type: 'imageRead', image });
    if (isSettled(image)) this.#store.say(settledText(image), 'quiet');
    return isSettled(image);
  }

  #forget(imageId: string): void {
    const card = this.#store.imageCard(imageId);
    if (card) this.#store.remove(card);
  }
}

function settledText(image: Image): string {
  const failed = image.renditions.filter(({ state }) => state === 'failed').length;
  const ready = image.renditions.length - failed;
  return `${nameOf(image)}: ${ready} ready${failed > 0 ? `, ${failed} failed` : ''}.`;
}
