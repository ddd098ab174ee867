import type { Image } from '@safelight/contract';
import { newIdempotencyKey, type SafelightClient, type UploadProgress, type UploadStorage } from '@safelight/sdk';
import type { PageSession } from './session.ts';
import { createSlots } from './slots.ts';
import type { UploadCard } from './state.ts';
import type { Store } from './store.ts';
import { boundText, troubleOf } from './words.ts';

/** A browser opens six connections to one host (HTTP/1.1): with the two that follow images, these leave one free. */
const UPLOADS_MAX = 3;
/** What is longer goes in pieces, and can go on after a reload. */
const WHOLE_BYTES_MAX = 4 * 2 ** 20;
/** Files of one drop; each makes a card. */
const FILES_MAX = 500;

interface UploadsParts {
  readonly client: SafelightClient;
  readonly session: PageSession;
  readonly store: Store;
  readonly accepted: (image: Image) => void;
  /** Remembers what was on its way when the page is gone. */
  readonly storage: UploadStorage | undefined;
}

/** The queue of pictures on their way to the service. */
export class Uploads {
  readonly #client: SafelightClient;
  readonly #session: PageSession;
  readonly #store: Store;
  readonly #accepted: (image: Image) => void;
  readonly #storage: UploadStorage | undefined;
  readonly #slot = createSlots(UPLOADS_MAX);
  readonly #sending = new Map<string, AbortController>();
  #taken = 0;

  constructor(parts: UploadsParts) {
    this.#client = parts.client;
    this.#session = parts.session;
    this.#store = parts.store;
    this.#accepted = parts.accepted;
    this.#storage = parts.storage;
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

  /** A page cannot keep a file over a reload, but it knows which one was on its way. */
  tellInterrupted(): void {
    const [upload, ...others] = this.#storage ? this.#client.uploads.interrupted(this.#storage) : [];
    if (!upload) return;
    const more = others.length > 0 ? ` So do ${others.length} more.` : '';
    this.#store.say(`Drop ${upload.filename ?? 'the file'} again: it goes on where it was.${more}`);
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
      const { file, idempotencyKey } = card;
      const sending = { signal: abort.signal, onProgress: ({ bytesSent }: UploadProgress) => progressed(bytesSent) };
      const image = await this.#session.within(() =>
        file.size > WHOLE_BYTES_MAX
          ? this.#client.uploads.resumable(file, { ...sending, storage: this.#storage })
          : this.#client.images.create(file, { ...sending, idempotencyKey }),
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
