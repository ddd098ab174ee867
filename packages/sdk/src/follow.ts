import type { EventData, EventType } from '@safelight/contract';
import { answerUnreadable } from './errors.ts';
import { pause } from './retry.ts';
import { createEventStreamParser, type ServerSentEvent } from './server-sent-events.ts';
import type { Transport } from './transport.ts';

/** One thing that happened to an image; `data` by `type`. */
export type ImageEvent = {
  [Type in EventType]: {
    /** The position in the tenant's log; give it as `after` to go on behind it. */
    readonly id: string;
    readonly type: Type;
    /** Id of what it happened to: the image itself, or one of its renditions or jobs. */
    readonly subject: string;
    readonly imageId: string;
    /** ISO 8601. */
    readonly at: string;
    readonly data: EventData<Type>;
  };
}[EventType];

export interface FollowOptions {
  /** The id of the last event already seen; without it the events come from the first on. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Between a stream's end and the next, unless the stream asked for another time by `retry:`. */
const RECONNECT_MS = 1_000;
/** A stream that says nothing, not even a comment, for so long is taken for dead: a connection can vanish without a word. */
const SILENCE_MS_MAX = 60_000;

/**
 * The events of an image, as they happen, across any number of connections: none twice, none missed. Ends after
 * `image.deleted`, or when the consumer stops; rejects with SafelightError when the service refuses, or with the
 * signal's reason.
 */
export async function* followImage(
  transport: Transport,
  path: string,
  { after, signal }: FollowOptions = {},
): AsyncGenerator<ImageEvent, void, void> {
  let lastEventId = after;
  let reconnectMs = RECONNECT_MS;
  for (;;) {
    const response = await transport.call({
      method: 'GET',
      path,
      headers: { accept: 'text/event-stream', 'last-event-id': lastEventId },
      repeatable: true,
      signal,
    });
    // "No Content" is the standard's way to say that nothing more will come.
    if (response.status === 204) return;
    if (!response.body || !isEventStream(response)) throw answerUnreadable(response, 'The answer is no event stream.');
    const parser = createEventStreamParser();
    for await (const text of textUntilLost(response.body, signal)) {
      for (const event of parser.push(text)) {
        if (event.id !== '') lastEventId = event.id;
        const told = imageEvent(event, response);
        transport.unsettle();
        yield told;
        if (told.type === 'image.deleted') return;
      }
      reconnectMs = parser.retryMs() ?? reconnectMs;
    }
    await pause(reconnectMs, signal);
  }
}

/** The stream's text until its end, whether it was ended, broken off or fell silent: to the follower all are one. */
async function* textUntilLost(body: ReadableStream<Uint8Array>, signal?: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const reader = body.getReader();
  try {
    for (;;) {
      const next = await readBeforeSilence(reader);
      if (next === undefined || next.done) return;
      yield decoder.decode(next.value, { stream: true });
    }
  } finally {
    // Not awaited: closing a connection that has fallen silent may take as long as it likes.
    void reader.cancel().catch(() => undefined);
    signal?.throwIfAborted();
  }
}

type Piece = ReadableStreamReadResult<Uint8Array>;

/** Undefined when the connection broke or has said nothing for too long. */
async function readBeforeSilence(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Piece | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, SILENCE_MS_MAX, undefined);
  });
  return Promise.race([reader.read().catch(() => undefined), silence]).finally(() => clearTimeout(timer));
}

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

function imageEvent({ id, data }: ServerSentEvent, response: Response): ImageEvent {
  try {
    return { id, ...(JSON.parse(data) as object) } as ImageEvent;
  } catch {
    throw answerUnreadable(response, `The data of event ${id} is not JSON.`);
  }
}
