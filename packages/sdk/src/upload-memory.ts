/** Where uploads under way are remembered, such as `localStorage`: what it holds outlives the page. */
export type UploadStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** An upload that was begun and not finished. */
export interface InterruptedUpload {
  readonly filename: string | undefined;
  readonly bytes: number;
  /** Until when it can go on; ISO 8601. */
  readonly expiresAt: string;
}

interface Entry extends InterruptedUpload {
  readonly path: string;
}

const ITEM = 'safelight-uploads';
/** The oldest give way. */
const ENTRIES_MAX = 100;

/** The uploads that a page has begun, by what makes a file the same file. */
export class UploadMemory {
  readonly #storage: UploadStorage | undefined;
  readonly #nowMs: () => number;

  constructor(storage: UploadStorage | undefined, nowMs: () => number) {
    this.#storage = storage;
    this.#nowMs = nowMs;
  }

  find(fingerprint: string): string | undefined {
    return this.#entries().get(fingerprint)?.path;
  }

  keep(fingerprint: string, entry: Entry): void {
    const entries = this.#entries();
    entries.delete(fingerprint);
    this.#write(new Map([...[...entries].slice(1 - ENTRIES_MAX), [fingerprint, entry]]));
  }

  forget(fingerprint: string): void {
    const entries = this.#entries();
    if (entries.delete(fingerprint)) this.#write(entries);
  }

  list(): InterruptedUpload[] {
    return [...this.#entries().values()].map(({ filename, bytes, expiresAt }) => ({ filename, bytes, expiresAt }));
  }

  #entries(): Map<string, Entry> {
    try {
      const kept: unknown = JSON.parse(this.#storage?.getItem(ITEM) ?? '[]');
      const entries = kept as [string, Entry][];
      return new Map(entries.filter(([, { expiresAt }]) => Date.parse(expiresAt) > this.#nowMs()));
    } catch {
      // Somebody else's, or a browser that keeps nothing: then nothing is remembered.
      return new Map();
    }
  }

  #write(entries: ReadonlyMap<string, Entry>): void {
    try {
      if (entries.size === 0) this.#storage?.removeItem(ITEM);
      else this.#storage?.setItem(ITEM, JSON.stringify([...entries]));
    } catch {
      // No room: the upload goes on, and will not after a reload.
    }
  }
}

/** What makes two files the same one: looking at all of their bytes would take as long as to send them. */
export function fingerprintOf(body: Blob, filename: string | undefined, baseUrl: string): string {
  const changedAt = 'lastModified' in body ? body.lastModified : '';
  return [baseUrl, filename ?? '', body.type, body.size, changedAt].join('|');
}
