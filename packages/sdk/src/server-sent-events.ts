/**
 * The event stream format of the HTML standard (§9.2.6, "Interpreting an event stream"), read from bytes, because
 * `EventSource` cannot send an Authorization header.
 */

export interface ServerSentEvent {
  /** The last id that the stream has named, this event's own or an earlier one's; empty before the first. */
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

export interface EventStreamParser {
  /** Takes the next piece of the stream, cut anywhere, and gives the events that it completes. */
  push(text: string): ServerSentEvent[];
  /** What `retry:` asked for last, milliseconds. */
  retryMs(): number | undefined;
}

/** An event longer than this is no event of ours; the bound keeps a wrong peer from filling the memory. */
const EVENT_CHARACTERS_MAX = 4 * 1024 * 1024;

/** A parser with the state of one stream. */
export function createEventStreamParser(): EventStreamParser {
  let rest = '';
  let data: string[] = [];
  let dataLength = 0;
  let type = '';
  let id = '';
  let retryMs: number | undefined;
  let first = true;

  function takeField(line: string): void {
    const colon = line.indexOf(':');
    // A comment is a field without a name, and like every unknown one passed over.
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') {
      data.push(value);
      dataLength += value.length;
    } else if (name === 'event') type = value;
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) retryMs = Number(value);
  }

  function endEvent(): ServerSentEvent[] {
    const complete = data.length > 0 ? [{ id, type: type || 'message', data: data.join('\n') }] : [];
    data = [];
    dataLength = 0;
    type = '';
    return complete;
  }

  function push(text: string): ServerSentEvent[] {
    rest += first ? text.replace(/^\uFEFF/, '') : text;
    if (rest.length > 0) first = false;
    const { lines, tail } = splitLines(rest);
    rest = tail;
    const events = lines.flatMap((line) => {
      if (line === '') return endEvent();
      takeField(line);
      return [];
    });
    if (rest.length + dataLength > EVENT_CHARACTERS_MAX) {
      throw new RangeError(`an event of the stream exceeds ${EVENT_CHARACTERS_MAX} characters`);
    }
    return events;
  }

  return { push, retryMs: () => retryMs };
}

/** Complete lines, ended by CRLF, LF or CR, and what follows the last. A CR at the very end may be half of a CRLF: it waits. */
function splitLines(text: string): { lines: string[]; tail: string } {
  const lines: string[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(/\r\n|\n|\r/g)) {
    if (end === '\r' && index === text.length - 1) break;
    lines.push(text.slice(start, index));
    start = index + end.length;
  }
  return { lines, tail: text.slice(start) };
}
