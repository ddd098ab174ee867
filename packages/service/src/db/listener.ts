import pg from 'pg';
import { cutConnection } from './cluster/host-watch.ts';
import type { Writer } from './cluster/writer.ts';

type OnPayload = (payload: string) => void;

const RECONNECT_MS = 250;
/** Where nothing can be listened to: a quarter of a second is what a picture's visitor does not notice yet. */
const POLL_MS = 250;

/**
 * One direct connection for LISTEN; opened with the first subscription, reconnected when it is lost, and moved with the
 * writer, for nothing is notified on another host. Without a way to a writer it wakes everybody, again and again.
 */
export class Listener {
  readonly #writer: Writer | undefined;
  readonly #onError: (error: Error) => void;
  readonly #subscriptions = new Map<string, Set<OnPayload>>();
  readonly #forget: (() => void) | undefined;
  #client: pg.Client | undefined;
  #host: pg.ClientConfig | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(writer: Writer | undefined, onError: (error: Error) => void) {
    this.#writer = writer;
    this.#onError = onError;
    this.#forget = writer?.onChange((host) => this.#follow(host));
  }

  subscribe(channel: string, onPayload: OnPayload): () => void {
    const listeners = this.#subscriptions.get(channel) ?? new Set();
    const isNew = listeners.size === 0;
    listeners.add(onPayload);
    this.#subscriptions.set(channel, listeners);
    if (!this.#writer) this.#timer ??= setInterval(() => this.#wakeAll(), POLL_MS);
    else if (!this.#client) this.#connect();
    else if (isNew) this.#client.query(`LISTEN ${pg.escapeIdentifier(channel)}`).catch(this.#onError);
    return () => {
      listeners.delete(onPayload);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#forget?.();
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #follow(host: pg.ClientConfig | undefined): void {
    if (!host || this.#subscriptions.size === 0) return;
    const client = this.#client;
    // The same one again: its connection tells by itself whether it was lost.
    if (client && host === this.#host) return;
    this.#client = undefined;
    if (client) cutConnection(client);
    this.#connect();
  }

  #connect(): void {
    const host = this.#writer?.current;
    // Called again when one is found.
    if (this.#closed || this.#client || !host) return;
    // Several subscribe at the start of a node, none of whom waits for the others.
    const client = new pg.Client({ ...host, keepAlive: true, pipeline: true });
    this.#client = client;
    this.#host = host;
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
        this.#wakeAll();
      })
      .catch(() => this.#reconnect(client));
  }

  #wakeAll(): void {
    for (const listeners of this.#subscriptions.values()) for (const onPayload of listeners) onPayload('');
  }

  #reconnect(client: pg.Client): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = undefined;
    client.end().catch(() => undefined);
    this.#writer?.suspect();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), RECONNECT_MS);
  }
}
