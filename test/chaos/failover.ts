import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { unlike } from '../support/pictures.ts';
import { until } from '../support/until.ts';

/** One upload and what became of it. */
export interface SentUpload {
  readonly sha256: string;
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  /** 0 when the connection to the node broke. */
  readonly status: number;
  readonly retryAfter: string | null;
  readonly imageId: string | undefined;
}

export interface LoadOptions {
  /** Where the node answers. */
  readonly url: string;
  readonly authorization: string;
  readonly jpeg: Uint8Array;
  readonly clients: number;
}

const REFUSED_PAUSE_MS = 50;
const SETTLED_MS_MAX = 60_000;

/** Clients that upload, one picture after the other, until they are told to stop; each picture is sent once. */
export class UploadLoad {
  readonly sent: SentUpload[] = [];
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[];
  #isOver = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clients }, () => this.#run());
  }

  get acknowledged(): SentUpload[] {
    return this.sent.filter(({ status }) => isSuccess(status));
  }

  get failed(): SentUpload[] {
    return this.sent.filter(({ status }) => !isSuccess(status));
  }

  /** Waits until `count` uploads that were sent after `sinceMs` are acknowledged. @returns the moment of the first one. */
  async acknowledgedSince(sinceMs: number, count: number): Promise<number> {
    const since = () => this.acknowledged.filter(({ sentAtMs }) => sentAtMs >= sinceMs);
    await until(`${count} uploads are acknowledged`, () => since().length >= count, SETTLED_MS_MAX);
    return Math.min(...since().map(({ answeredAtMs }) => answeredAtMs));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  /** Acknowledged uploads whose bytes do not come back whole, or whose renditions do not end ready. */
  async lost(): Promise<SentUpload[]> {
    const lost: SentUpload[] = [];
    for (const upload of this.acknowledged) if (!(await this.#isWhole(upload))) lost.push(upload);
    return lost;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const upload = await this.#send();
      this.sent.push(upload);
      if (!isSuccess(upload.status)) await sleep(REFUSED_PAUSE_MS);
    }
  }

  async #send(): Promise<SentUpload> {
    const { url, authorization, jpeg } = this.#options;
    const body = Uint8Array.from(unlike(jpeg));
    const sha256 = createHash('sha256').update(body).digest('hex');
    const sentAtMs = performance.now();
    const headers = { authorization, 'content-type': 'image/jpeg' };
    try {
      const response = await fetch(`${url}/v1/images`, { method: 'POST', headers, body });
      const answer = (await response.json()) as { id?: string };
      const retryAfter = response.headers.get('retry-after');
      const { status } = response;
      return { sha256, sentAtMs, answeredAtMs: performance.now(), status, retryAfter, imageId: answer.id };
    } catch {
      return { sha256, sentAtMs, answeredAtMs: performance.now(), status: 0, retryAfter: null, imageId: undefined };
    }
  }

  async #isWhole({ imageId, sha256 }: SentUpload): Promise<boolean> {
    const { url, authorization } = this.#options;
    const get = (path: string) => fetch(new URL(path, url), { headers: { authorization } });
    const look = async () => {
      const response = await get(`/v1/images/${imageId}`);
      const image = (await response.json()) as { state?: string; urls?: Record<string, string> };
      return (response.status === 404 || image.state !== 'pending') && image;
    };
    const image = await until(`${imageId} is settled`, look, SETTLED_MS_MAX);
    if (image.state !== 'ready' || !image.urls?.original) return false;
    const bytes = Buffer.from(await (await get(image.urls.original)).arrayBuffer());
    return createHash('sha256').update(bytes).digest('hex') === sha256;
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}
