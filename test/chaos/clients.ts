import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Of } from './digest.ts';
import { type History, imageIdOf, PRESET_NAMES, type UploadRecord, type UploadUrls } from './history.ts';
import type { Pictures } from './pictures.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';

export interface ClientOptions {
  readonly subject: Target;
  readonly history: History;
  readonly pictures: Pictures;
  readonly random: Random;
  /** Tells the clients' names apart. */
  readonly client: number;
  /** Mean pause between two requests. */
  readonly paceMs: number;
  readonly signal: AbortSignal;
}

type Action = 'upload' | 'exercise' | 'keyed' | 'read' | 'delete';
/** Of a hundred requests. */
const SHARES: readonly (readonly [Action, number])[] = [
  ['upload', 25],
  ['exercise', 15],
  ['keyed', 25],
  ['read', 25],
  ['delete', 10],
];
const REPEATED_SHARE = 0.2;
const REQUEST_MS_MAX = 20_000;
const ATTEMPTS_MAX = 6;
const RETRY_MS = 250;

/** One client: sends, reads and deletes until it is told to stop, and writes down what it was told. */
export async function runClient(options: ClientOptions): Promise<void> {
  const client = new Client(options);
  while (!options.signal.aborted) {
    await client.act();
    await sleep(options.random.between(0, 2 * options.paceMs));
  }
}

class Client {
  readonly #options: ClientOptions;
  #sent = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  async act(): Promise<void> {
    const action = this.#choose();
    if (action === 'read') return this.#read();
    if (action === 'delete') return this.#delete();
    const { pictures, random, history, client } = this.#options;
    const sample = random.next() < REPEATED_SHARE ? pictures.repeated() : pictures.distinct();
    const name = `client-${client}-${this.#sent}.${sample.extension}`;
    this.#sent += 1;
    const record = history.begin(name, sample, action === 'keyed' ? `key-${name}` : undefined);
    if (action === 'exercise') await this.#sendForm(record);
    else await this.#send(record);
  }

  #choose(): Action {
    let left = this.#options.random.between(0, 100);
    for (const [action, share] of SHARES) {
      left -= share;
      if (left < 0) return action;
    }
    return 'upload';
  }

  /** Without a key once; with one again and again, also after the answer, which must then be the same. */
  async #send(record: UploadRecord): Promise<void> {
    const { subject, history, random } = this.#options;
    const attempts = record.key === undefined ? 1 : ATTEMPTS_MAX;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const again = record.acknowledged && random.next() < 0.5;
      if (record.acknowledged && !again) return;
      await sendUpload(subject, history, record);
      if (!record.acknowledged) await sleep(RETRY_MS);
    }
  }

  async #sendForm(record: UploadRecord): Promise<void> {
    const { subject, history } = this.#options;
    const form = new FormData();
    form.set('image', new Blob([Uint8Array.from(record.sample.bytes)]), record.name);
    const answer = await ask(subject, history, `POST / (${record.name})`, '/', { method: 'POST', body: form });
    if (answer?.status !== 202) return;
    const urls = JSON.parse(answer.body.toString()) as UploadUrls;
    const imageId = /\/i\/[^/]+\/([^/]+)\//.exec(urls.small)?.[1];
    if (imageId) acknowledge(record, imageId, urls);
  }

  async #read(): Promise<void> {
    const { subject, history, random } = this.#options;
    const record = random.pick(history.standing());
    if (!record?.urls) return;
    const preset = random.pick([...PRESET_NAMES, 'original'] as const) ?? 'original';
    const request = `GET ${record.urls[preset]}`;
    const answer = await ask(subject, history, request, record.urls[preset], {}, [410, 422]);
    if (!answer || subject.excused.has(answer.status)) return;
    const body = answer.body.toString('latin1').slice(0, 200);
    if (answer.status === 410 && record.deletion !== 'none') return;
    if (answer.status === 422 && answer.body.includes('worker_crashed')) return;
    const altered = preset === 'original' && sha256Of(answer.body) !== record.sample.sha256;
    if (answer.status !== 200 || altered) history.wrongAnswers.push({ request, status: answer.status, body });
  }

  async #delete(): Promise<void> {
    const { subject, history, random } = this.#options;
    const record = random.pick(history.standing());
    if (!record) return;
    record.deletion = 'asked';
    const imageId = imageIdOf(record);
    const init = { method: 'DELETE' };
    const answer = await ask(subject, history, `DELETE ${imageId}`, `/v1/images/${imageId}`, init);
    if (answer?.status === 200) record.deletion = 'acknowledged';
  }
}

/** One attempt at `POST /v1/images`; what it is answered is written down in the record. */
export async function sendUpload(subject: Target, history: History, record: UploadRecord): Promise<void> {
  const headers = {
    'content-type': record.sample.extension === 'png' ? 'image/png' : 'image/jpeg',
    ...(record.key !== undefined && { 'idempotency-key': record.key }),
  };
  const path = `/v1/images?filename=${record.name}`;
  const init = { method: 'POST', headers, body: Uint8Array.from(record.sample.bytes) };
  const answer = await ask(subject, history, `POST ${path}`, path, init, [410]);
  // A key whose image was erased is told that, not what it was told before: the kept answer was erased too.
  if (answer?.status === 410 && record.deletion === 'none') {
    history.wrongAnswers.push({ request: `POST ${path}`, status: 410, body: answer.body.toString() });
  }
  if (answer?.status !== 201 && answer?.status !== 202) return;
  const image = JSON.parse(answer.body.toString()) as { id: string; urls: UploadUrls };
  acknowledge(record, image.id, image.urls);
}

function acknowledge(record: UploadRecord, imageId: string, urls: UploadUrls): void {
  record.imageIds.add(imageId);
  record.urls ??= urls;
  record.acknowledged = true;
}

/** Sends a request and reads the whole answer. @returns undefined when none came. */
async function ask(
  subject: Target,
  history: History,
  request: string,
  path: string,
  init: RequestInit,
  judgedByCaller: readonly number[] = [],
): Promise<{ status: number; body: Buffer } | undefined> {
  try {
    const response = await subject.request(path, { ...init, signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    const { status } = response;
    const body = Buffer.from(await response.arrayBuffer());
    history.count(String(status));
    if (status >= 400 && !subject.excused.has(status) && !judgedByCaller.includes(status)) {
      history.wrongAnswers.push({ request, status, body: body.toString('latin1').slice(0, 300) });
    }
    return { status, body };
  } catch {
    history.count('no answer');
    return undefined;
  }
}
