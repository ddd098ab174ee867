import { Readable } from 'node:stream';

/** Cuts bytes, as they flow, into streams of at most `bytesMax`, each to be read to its end before the next is asked for. */
export async function* pieces(source: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Readable> {
  const chunks = source[Symbol.asyncIterator]();
  const next = async () => (await chunks.next()).value as Buffer | undefined;
  let rest = await next();
  while (rest !== undefined) {
    const piece = async function* () {
      let left = bytesMax;
      while (rest !== undefined) {
        const taken = rest.subarray(0, left);
        left -= taken.length;
        const later: Buffer = rest.subarray(taken.length);
        rest = later;
        yield taken;
        // The next chunk may be long in coming, and this piece is whole.
        if (left === 0) return;
        rest = await next();
      }
    };
    yield Readable.from(piece(), { objectMode: false });
    if (rest?.length === 0) rest = await next();
  }
}
