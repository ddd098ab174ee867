import type { Image } from '@safelight/contract';
import { newIdempotencyKey, type SafelightClient } from '@safelight/sdk';
import type { PageSession } from './session.ts';
import { createSlots } from './slots.ts';
import type { UploadCard } from './state.ts';
import type { Store } from './store.ts';
import { boundText, troubleOf } from './words.ts';

/** A browser opens six connections to one host (HTTP/1.1): with the two that follow images, these leave one free. */
const UPLOADS_MAX = 3;
/** Files of one drop; each makes a card. */
const FILES_MAX = 500;

/** The queue of pictures on their way to the service. */
export class Uploads {
  readonly #client: SafelightClient;
  readonly #session: PageSession;
  readonly #store: Store;
  readonly #accepted: (image: Image) => void;
  readonly #slot = createSlots(UPLOADS_MAX);
  readonly #sending = new Map<string, AbortController>();
  #taken = 0;

  constructor(client: SafelightClient, session: PageSession, store: Store, accepted: (image: Image) => void) {
    this.#client = client;
    this.#session = session;
    this.#store = store;
    this.#accepted = accepted;
  }

  take(files: readonly File[]): void {
    const bytesMax = this.#store.state().session?.uploadBytesMax;
    const cards = files.slice(0, FILES_MAX).map((file) => uploadCard(`file-${this.#taken++}`, file, bytesMax));
    // The last stands first, as it will when the list is read again; the first dropped is still sent first.
    this.#store.dispatch({ type: 'taken', cards: cards.toReversed() });
    for (const { key, step } of cards) if (step === 'waiting') void this.#slot(() => this.#send(key));
    const left = files.length - cards.length;
    if (left > 0) this.#store.say(`The first ${FILES_MAX} were taken. Drop the other ${left} again.`);
  }

  retry(key: string): void {
    this.#store.dispatch({ type: 'waiting', key });
    void this.#slot(() => this.#send(key));
  }

  /** Stops the upload, if it runs, and takes it off the page. */
  dismiss(key: string): void {
    this.#sending.get(key)?.abort();
    const card = this.#store.card(key);
    if (card) this.#store.remove(card);
  }

  async #send(key: string): Promise<void> {
    const card = this.#store.card(key);
    if (card?.step !== 'waiting') return; // dismissed before its turn
    const abort = new AbortController();
    this.#sending.set(key, abort);
    const progressed = (bytesSent: number) => this.#store.dispatch({ type: 'progressed', key, bytesSent });
    progressed(0);
    try {
      const image = await this.#session.within(() =>
        this.#client.images.create(card.file, {
          idempotencyKey: card.idempotencyKey,
          signal: abort.signal,
          onProgress: ({ bytesSent }) => progressed(bytesSent),
        }),
      );
      this.#store.dispatch({ type: 'accepted', key, image });
      this.#accepted(image);
    } catch (error) {
      if (!abort.signal.aborted) this.#refused(card, error);
    } finally {
      this.#sending.delete(key);
    }
  }

  #refused({ key, file }: UploadCard, error: unknown): void {
    const trouble = troubleOf(error);
    this.#store.dispatch({ type: 'refused', key, trouble });
    this.#store.say(`${file.name}: ${trouble.text}`, 'quiet');
  }
}

function uploadCard(key: string, file: File, bytesMax: number | undefined): UploadCard {
  const tooLarge = bytesMax !== undefined && file.size > bytesMax;
  const bound = { name: 'uploadBytesMax', limit: bytesMax ?? 0, actual: file.size };
  return {
    key,
    file,
    idempotencyKey: newIdempotencyKey(),
    previewUrl: file.type.startsWith('image/') ? URL.createObjectURL(file) : undefined,
    bytesSent: 0,
    step: tooLarge ? 'refused' : 'waiting',
    trouble: tooLarge ? { text: boundText(bound), retryable: false } : undefined,
  };
}
