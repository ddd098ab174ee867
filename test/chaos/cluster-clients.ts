import { setTimeout as sleep } from 'node:timers/promises';
import { createEventStreamParser } from '../../packages/sdk/src/server-sent-events.ts';
import type { ClusterNode, ClusterSubject } from './cluster-subject.ts';
import { sha256Of } from './digest.ts';
import { type Follow, type History, imageIdOf, type UploadRecord } from './history.ts';
import type { Random } from './random.ts';

export interface ClusterClientOptions {
  readonly subject: ClusterSubject;
  readonly history: History;
  readonly random: Random;
  /** Mean pause between two requests. */
  readonly paceMs: number;
  readonly signal: AbortSignal;
}

const REQUEST_MS_MAX = 20_000;
const AGAIN_SHARE = 0.4;
/** Few enough that two often ask for the same one. */
const WIDTHS = [40, 60, 80, 120, 160, 240, 320] as const;
const FORMATS = ['jpg', 'png', 'webp'] as const;
/** Acceptance, and the end of each of three presets. */
const EVENTS_WHOLE = 4;
const FOLLOW_MS_MAX = 60_000;
const RECONNECT_MS = 300;
const RECENT = 8;

/** Asks all nodes at once for renditions that nobody has asked for, and for some again later. */
export async function runRenderer(options: ClusterClientOptions): Promise<void> {
  const { history, random, signal, paceMs, subject } = options;
  while (!signal.aborted) {
    const again = random.next() < AGAIN_SHARE ? random.pick([...history.renders]) : undefined;
    const record = again?.[1].record ?? random.pick(history.standing());
    if (record) {
      const query = `?w=${random.pick(WIDTHS)}&fm=${random.pick(FORMATS)}`;
      const path = again?.[0] ?? `/i/demo/${imageIdOf(record)}${query}`;
      await Promise.all(subject.nodes.map((node) => render(options, node, record, path)));
    }
    await sleep(random.between(0, 2 * paceMs));
  }
}

async function render(
  { subject, history }: ClusterClientOptions,
  node: ClusterNode,
  record: UploadRecord,
  path: string,
): Promise<void> {
  const request = `GET ${path} of ${node.data}`;
  try {
    const response = await subject.requestAt(node, path, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    const { status } = response;
    const body = Buffer.from(await response.arrayBuffer());
    history.count(String(status));
    const etag = response.headers.get('etag') ?? '';
    if (status === 200) history.rendered(record, path, { node: node.data, etag, sha256: sha256Of(body) });
    else if (!subject.excused.has(status) && !isExcused(status, body, record))
      history.wrongAnswers.push({ request, status, body: body.toString('latin1').slice(0, 300) });
  } catch {
    history.count('no answer');
  }
}

function isExcused(status: number, body: Buffer, { deletion }: UploadRecord): boolean {
  if (status === 410) return deletion !== 'none';
  if (status === 422) return body.includes('worker_crashed') || body.includes('lease_expired');
  return false;
}

/** Follows the events of fresh images, of one node after the other, until all has been told or the image is gone. */
export async function runFollower(options: ClusterClientOptions): Promise<void> {
  const { history, random, signal } = options;
  const known = new Set<string>();
  while (!signal.aborted) {
    const record = random.pick(
      history
        .standing()
        .filter(({ imageIds }) => ![...imageIds].some((id) => known.has(id)))
        .slice(-RECENT),
    );
    if (record) {
      const follow: Follow = { imageId: imageIdOf(record), told: [] };
      known.add(follow.imageId);
      history.follows.push(follow);
      const over = AbortSignal.any([signal, AbortSignal.timeout(FOLLOW_MS_MAX)]);
      while (!over.aborted && !isWhole(follow)) await followOnce(options, follow, over);
    }
    await sleep(RECONNECT_MS);
  }
}

function isWhole({ told }: Follow): boolean {
  return told.length >= EVENTS_WHOLE || told.at(-1)?.type === 'image.deleted';
}

/** One connection, from the last event that was told. */
async function followOnce({ subject, random }: ClusterClientOptions, follow: Follow, over: AbortSignal): Promise<void> {
  const node = random.pick(subject.nodes);
  const last = follow.told.at(-1)?.position;
  const headers = last === undefined ? {} : { 'last-event-id': String(last) };
  if (!node) return;
  const connection = new AbortController();
  const signal = AbortSignal.any([over, connection.signal, AbortSignal.timeout(REQUEST_MS_MAX)]);
  try {
    const response = await subject.requestAt(node, `/v1/images/${follow.imageId}/events`, { headers, signal });
    if (response.status === 200 && response.body) await listen(response.body, follow);
  } catch {
    // It goes on with another connection, from where this one ended.
  } finally {
    connection.abort();
  }
  if (!isWhole(follow)) await sleep(RECONNECT_MS);
}

async function listen(body: ReadableStream<Uint8Array>, follow: Follow): Promise<void> {
  const parser = createEventStreamParser();
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    for (const { id, type, data } of parser.push(decoder.decode(chunk, { stream: true })))
      follow.told.push({ position: Number(id), type, subject: (JSON.parse(data) as { subject: string }).subject });
    if (isWhole(follow)) return;
  }
}
