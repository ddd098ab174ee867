import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that came, with its body. */
export interface ReceivedMessage {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Somebody's own server, which webhooks tell what happens. */
export class Receiver {
  static readonly takes = (_message: ReceivedMessage, response: ServerResponse): void => {
    response.writeHead(204).end();
  };

  readonly received: ReceivedMessage[] = [];
  /** What it does with a message; says 204 unless told otherwise. */
  answer = Receiver.takes;
  readonly #server = createServer((request, response) => void this.#take(request, response));

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  urlOf(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  /** What came to one address, in the order in which it came. */
  at(path: string): ReceivedMessage[] {
    return this.received.filter((message) => message.path === path);
  }

  /** From here on as if nothing had come. */
  forget(): void {
    this.received.length = 0;
    this.answer = Receiver.takes;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { url: path = '', headers } = request;
    const message = { path, headers: headers as Record<string, string>, body: Buffer.concat(chunks).toString() };
    this.received.push(message);
    this.answer(message, response);
  }
}
