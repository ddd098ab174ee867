import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { pieces } from './pieces.ts';

async function cut(chunks: readonly number[], bytesMax: number): Promise<number[]> {
  const bytes = Buffer.from(
    Array.from({ length: chunks.reduce((sum, length) => sum + length, 0) }, (_, at) => at % 251),
  );
  const starts = chunks.map((_, at) => chunks.slice(0, at).reduce((sum, length) => sum + length, 0));
  const source = Readable.from(chunks.map((length, at) => bytes.subarray(starts[at] ?? 0, (starts[at] ?? 0) + length)));
  const parts: Buffer[] = [];
  for await (const piece of pieces(source, bytesMax)) parts.push(await buffer(piece));
  expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  return parts.map(({ length }) => length);
}

describe('Pieces of a stream', () => {
  it('have the length that they may have, and the last one what is left', async () => {
    expect(await cut([10], 4)).toEqual([4, 4, 2]);
    expect(await cut([1, 1, 1, 1, 1], 2)).toEqual([2, 2, 1]);
    expect(await cut([3, 5, 4], 4)).toEqual([4, 4, 4]);
    expect(await cut([4], 100)).toEqual([4]);
    expect(await cut([], 4)).toEqual([]);
  });

  it('end when they are whole, and do not wait for the next byte', async () => {
    const source = new Readable({ read: () => undefined });
    source.push(Buffer.alloc(4));
    const [piece] = [await pieces(source, 4).next()];
    expect((await buffer(piece.value as Readable)).length).toBe(4);
  });

  it('break when their source does', async () => {
    const source = Readable.from(
      (async function* () {
        yield Buffer.alloc(3);
        throw new Error('cut off');
      })(),
    );
    const all = async () => {
      for await (const piece of pieces(source, 10)) await buffer(piece);
    };
    await expect(all()).rejects.toThrow('cut off');
  });
});
