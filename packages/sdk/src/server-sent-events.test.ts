import { describe, expect, test } from 'vitest';
import { createEventStreamParser, type ServerSentEvent } from './server-sent-events.ts';

function parse(...pieces: string[]): ServerSentEvent[] {
  const parser = createEventStreamParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

describe('an event stream', () => {
  test('gives an event for each block that a blank line ends', () => {
    expect(parse('id: 7\nevent: rendition.ready\ndata: {"a":1}\n\ndata: two\n\n')).toEqual([
      { id: '7', type: 'rendition.ready', data: '{"a":1}' },
      { id: '7', type: 'message', data: 'two' },
    ]);
  });

  test.each(['\n', '\r', '\r\n'])('takes %j as the end of a line', (end) => {
    // The closing comment shows a parser that CR was not the first half of CRLF.
    const text = ['event: a', 'data: 1', 'data: 2', '', ': end', ''].join(end);
    expect(parse(text)).toEqual([{ id: '', type: 'a', data: '1\n2' }]);
  });

  test.each(['\n', '\r', '\r\n'])('reads the same however it is cut (ends %j)', (end) => {
    const text = [': hello', 'id: 1', 'event: a', 'data: é 1', 'data:2', '', 'retry: 50', 'data: x', '', ':', ''].join(
      end,
    );
    const whole = parse(text);
    expect(whole).toHaveLength(2);
    for (let cut = 0; cut <= text.length; cut++) expect(parse(text.slice(0, cut), text.slice(cut))).toEqual(whole);
    expect(parse(...text)).toEqual(whole);
  });

  test('joins several data lines, keeps empty ones, and strips one leading space only', () => {
    expect(parse('data:  two spaces\ndata\ndata: end\n\n')[0]?.data).toBe(' two spaces\n\nend');
  });

  test('passes over comments, unknown fields and blocks without data', () => {
    expect(parse(': ping\n\nsecret: x\ndata: y\n\nevent: lonely\n\n')).toEqual([
      { id: '', type: 'message', data: 'y' },
    ]);
  });

  test('an empty data field is an event; a block without one is not', () => {
    expect(parse('data\n\n')).toEqual([{ id: '', type: 'message', data: '' }]);
    expect(parse('event: a\n\n')).toEqual([]);
  });

  test('keeps the last id, lets an empty one reset it, and refuses one with NUL', () => {
    const ids = parse('id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\n').map(({ id }) => id);
    expect(ids).toEqual(['1', '1', '1', '']);
  });

  test('takes retry only as digits', () => {
    const parser = createEventStreamParser();
    parser.push('retry: 12\n');
    parser.push('retry: 1.5\nretry: soon\n');
    expect(parser.retryMs()).toBe(12);
  });

  test('drops a byte order mark at the start, also when it comes alone, and an event cut off by the end', () => {
    expect(parse('\uFEFF', 'data: a\n\ndata: never ended\n')).toEqual([{ id: '', type: 'message', data: 'a' }]);
  });

  test('refuses an event without end instead of filling the memory', () => {
    const parser = createEventStreamParser();
    const line = `data: ${'x'.repeat(1024 * 1024)}\n`;
    expect(() => {
      for (let count = 0; count < 10; count++) parser.push(line);
    }).toThrow(RangeError);
  });
});
