import pg from 'pg';

type OnPayload = (payload: string) => void;

const RECONNECT_MS = 250;

/** One direct connection for LISTEN; opened with the first subscription, reconnected when it is lost. */
export class Listener {
  readonly #connection: pg.ClientConfig;
  readonly #onError: (error: Error) => void;
  readonly #subscriptions = new Map<string, Set<OnPayload>>();
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connection: pg.ClientConfig, onError: (error: Error) => void) {
    this.#connection = connection;
    this.#onError = onError;
  }

  subscribe(channel: string, onPayload: OnPayload): () => void {
    const listeners = this.#subscriptions.get(channel) ?? new Set();
    const isNew = listeners.size === 0;
    listeners.add(onPayload);
    this.#subscriptions.set(channel, listeners);
    if (!this.#client) this.#connect();
    else if (isNew) this.#client.query(`LISTEN ${pg.escapeIdentifier(channel)}`).catch(this.#onError);
    return () => {
      listeners.delete(onPayload);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #connect(): void {
    if (this.#closed) return;
    const client = new pg.Client({ ...this.#connection, keepAlive: true });
    this.#client = client;
    client.on('notification', ({ channel, payload }) => {
      for (const onPayload of this.#subscriptions.get(channel) ?? []) onPayload(payload ?? '');
    });
    client.on('error', () => this.#reconnect(client));
    client.on('end', () => this.#reconnect(client));
    client
      .connect()
      .then(async () => {
        for (const channel of this.#subscriptions.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
        // What was sent while nobody listened is made up for by one wake-up of everybody.
        for (const listeners of this.#subscriptions.values()) for (const onPayload of listeners) onPayload('');
      })
      .catch(() => this.#reconnect(client));
  }

  #reconnect(client: pg.Client): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = undefined;
    client.end().catch(() => undefined);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), RECONNECT_MS);
  }
}
