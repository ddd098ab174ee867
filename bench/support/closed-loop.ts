import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  /** From the request to the last byte. */
  readonly ms: number;
}

/** Asks for a picture as a client does that takes JPEG alone, so that no peer answers with another format. */
const HEADERS = { accept: 'image/jpeg' };

/** A client with `connectionsMax` kept connections. */
export class HttpClient {
  readonly #agent: Agent;

  constructor(connectionsMax: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connectionsMax });
  }

  /** @throws when there is no whole answer within `msMax`. */
  get(url: string, msMax: number, headers: Readonly<Record<string, string>> = HEADERS): Promise<Answer> {
    return this.#ask('GET', url, msMax, headers);
  }

  /** The same with a body. */
  post(url: string, msMax: number, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<Answer> {
    return this.#ask('POST', url, msMax, { ...headers, 'content-length': String(body.length) }, body);
  }

  #ask(
    method: string,
    url: string,
    msMax: number,
    headers: Readonly<Record<string, string>>,
    body?: Uint8Array,
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const start = performance.now();
    const asked = { method, agent: this.#agent, headers, signal: AbortSignal.timeout(msMax) };
    const sending = request(url, asked, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks),
          contentType: response.headers['content-type'] ?? '',
          retryAfter: response.headers['retry-after'],
          ms: performance.now() - start,
        }),
      );
    });
    sending.once('error', reject).end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Asks for each URL once, `atOnce` at a time, over as many kept connections. Anything but 200 is an error. */
export async function closedLoop(
  urls: readonly string[],
  atOnce: number,
  msMax: number,
): Promise<{ answers: Answer[]; wallMs: number }> {
  const client = new HttpClient(atOnce);
  const answers: Answer[] = [];
  const start = performance.now();
  let next = 0;
  const turn = async () => {
    for (let index = next; index < urls.length; index = next) {
      next += 1;
      const url = urls[index] ?? '';
      const answer = await client.get(url, msMax);
      if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
      answers.push(answer);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, turn));
    return { answers, wallMs: performance.now() - start };
  } finally {
    client.close();
  }
}
