import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What goes wrong between a client and a server, whatever they speak. */
export type Fault =
  /** Nobody listens any more, and what was open is reset. */
  | { readonly kind: 'refuse' }
  /** A connection ends when this many bytes of the server's have passed; after `times` of them all is well. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly times?: number }
  /** Connections stand, old and new, and nothing passes: the other end is gone without a word. They never recover. */
  | { readonly kind: 'stall' }
  /** Every `nth` connection that is opened from now on hears the server this much later. */
  | { readonly kind: 'delay'; readonly ms: number; readonly nth: number }
  /** A brown-out: every `nth` answer of the server's, on whatever connection, comes this much later. */
  | { readonly kind: 'slow'; readonly ms: number; readonly nth: number };

const NOTHING = Buffer.alloc(0);

type Target = { readonly host: string; readonly port: number } | { readonly path: string };

/** A TCP proxy on loopback that does to connections what networks do. */
export class FaultProxy {
  readonly #target: Target;
  readonly #connections = new Set<Connection>();
  #server: Server | undefined;
  #port = 0;
  #fault: Fault | undefined;
  #opened = 0;
  #cuts = 0;
  #answers = 0;

  private constructor(target: Target) {
    this.#target = target;
  }

  /** @param target of every connection; loopback unless told otherwise, or a socket in the file system. */
  static async start(target: { readonly host?: string; readonly port: number } | Target): Promise<FaultProxy> {
    const proxy = new FaultProxy('path' in target ? target : { host: '127.0.0.1', ...target });
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that were opened while the present fault, or none, has been in force. */
  get opened(): number {
    return this.#opened;
  }

  /** From now on this goes wrong; undefined: nothing does. */
  async set(fault: Fault | undefined): Promise<void> {
    this.#fault = fault;
    this.#opened = 0;
    this.#cuts = 0;
    this.#answers = 0;
    for (const connection of this.#connections) connection.bytesHeard = 0;
    if (fault?.kind === 'refuse') await this.#close();
    else if (!this.#server) await this.#listen();
    if (fault?.kind === 'stall') for (const connection of this.#connections) connection.stall();
  }

  /** The network remembers no more of the connections that stalled: both ends are told, those that still ask. */
  resetStalled(): void {
    for (const connection of this.#connections) if (connection.isStalled) connection.reset();
  }

  /** Before the PostgreSQL of a test. */
  static async beforeDatabase({
    host = '',
    port = 0,
  }: {
    host?: string | undefined;
    port?: number | undefined;
  }): Promise<FaultProxy> {
    return FaultProxy.start(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  }

  async stop(): Promise<void> {
    this.#fault = undefined;
    await this.#close();
  }

  async #listen(): Promise<void> {
    const server = createServer((client) => this.#accept(client));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as { port: number }).port;
    this.#server = server;
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const connection of this.#connections) connection.reset();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  #accept(client: Socket): void {
    const fault = this.#fault;
    this.#opened += 1;
    const delayMs = fault?.kind === 'delay' && this.#opened % fault.nth === 0 ? fault.ms : 0;
    const connection: Connection = new Connection(client, connect(this.#target), {
      delayMs,
      onAnswer: () => this.#lateMs(),
      onHeard: (chunk) => this.#pass(connection, chunk),
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    if (fault?.kind === 'stall') connection.stall();
  }

  /** Answers that the server has begun while the present fault, or none, has been in force. */
  get answers(): number {
    return this.#answers;
  }

  #lateMs(): number {
    this.#answers += 1;
    const fault = this.#fault;
    return fault?.kind === 'slow' && this.#answers % fault.nth === 0 ? fault.ms : 0;
  }

  /** What the client hears of a chunk of the server's. */
  #pass(connection: Connection, chunk: Buffer): Buffer {
    const heard = connection.bytesHeard;
    connection.bytesHeard += chunk.length;
    const fault = this.#fault;
    if (fault?.kind !== 'cut' || connection.bytesHeard <= fault.afterBytes) return chunk;
    this.#cuts += 1;
    if (this.#cuts === fault.times) this.#fault = undefined;
    connection.cut(chunk.subarray(0, fault.afterBytes - heard));
    return NOTHING;
  }
}

interface ConnectionOptions {
  readonly delayMs: number;
  /** Called when the server begins an answer. @returns how much later the client hears it. */
  readonly onAnswer: () => number;
  readonly onHeard: (chunk: Buffer) => Buffer;
  readonly onClose: () => void;
}

class Connection {
  /** Of the server's, since the present fault came into force. */
  bytesHeard = 0;
  readonly #client: Socket;
  readonly #server: Socket;
  #isStalled = false;
  #isEnding = false;
  #isAsked = false;
  /** Of the server's, behind an answer that is late. */
  #held: Buffer[] | undefined;

  constructor(client: Socket, server: Socket, { delayMs, onAnswer, onHeard, onClose }: ConnectionOptions) {
    this.#client = client;
    this.#server = server;
    client.on('data', (chunk) => {
      this.#isAsked = true;
      this.#forward(client, server, chunk);
    });
    client.on('end', () => this.#isStalled || server.end());
    const hear = (chunk: Buffer) => {
      if (!this.#isEnding) this.#forward(server, client, onHeard(chunk));
    };
    const hearAll = () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const chunk of held) hear(chunk);
    };
    server.on('data', (chunk) => {
      const lateMs = this.#isAsked ? onAnswer() : 0;
      this.#isAsked = false;
      if (this.#held) this.#held.push(chunk);
      else if (lateMs > 0) {
        this.#held = [chunk];
        setTimeout(hearAll, lateMs);
        // Timers of one length fire in the order in which they were set.
      } else if (delayMs > 0) setTimeout(hear, delayMs, chunk);
      else hear(chunk);
    });
    server.on('end', () => setTimeout(() => this.#isStalled || client.end(), delayMs));
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) onClose();
        else if (!this.#isStalled && delayMs === 0) setImmediate(() => this.reset());
      });
    }
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Nothing passes any more, and nobody is told. */
  stall(): void {
    this.#isStalled = true;
    this.#client.pause();
    this.#server.pause();
  }

  /** These bytes still arrive: a reset would take back what the client has not read yet. */
  cut(last: Buffer): void {
    this.#isEnding = true;
    this.#client.end(last);
    this.#server.destroy();
  }

  reset(): void {
    this.#isEnding = true;
    this.#client.resetAndDestroy();
    this.#server.destroy();
  }

  #forward(from: Socket, to: Socket, chunk: Buffer): void {
    if (this.#isStalled || to.destroyed || to.write(chunk)) return;
    from.pause();
    to.once('drain', () => this.#isStalled || from.resume());
  }
}
