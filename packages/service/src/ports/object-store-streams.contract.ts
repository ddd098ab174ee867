import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { ObjectExistsError, ObjectMissingError, type ObjectStore, TooManyBytesError } from './object-store.ts';
import { bytesOf, freshKey, keysBelow, MIB, randomSource, type Store } from './object-store-samples.contract.ts';

/** What every driver's `putStream` must do: the streaming part of the object store's contract suite. */
export function specifyPutStream(store: Store): void {
  it.each([0, 1, 65_536, 12 * MIB + 3])(
    'stores %i streamed bytes and returns their length and SHA-256',
    async (bytes) => {
      const key = freshKey();
      const { source, sha256 } = randomSource(bytes);
      const digest = await store().putStream(key, source, { bytesMax: bytes });
      const expected = sha256();
      expect(digest.bytes).toBe(bytes);
      expect(Buffer.from(digest.sha256).toString('hex')).toBe(expected);
      const stored = await bytesOf(store(), key);
      expect(createHash('sha256').update(stored).digest('hex')).toBe(expected);
    },
  );

  it('stores a source of thousands of single bytes', async () => {
    const key = freshKey();
    const source = Readable.from(
      Array.from({ length: 5_000 }, (_, index) => Buffer.from([index % 251])),
      { objectMode: false },
    );
    expect((await store().putStream(key, source, { bytesMax: 5_000 })).bytes).toBe(5_000);
    expect((await bytesOf(store(), key)).every((byte, index) => byte === index % 251)).toBe(true);
  });

  it('reads a source that its owner had paused', async () => {
    const { source } = randomSource(100_000);
    source.pause();
    expect((await store().putStream(freshKey(), source, { bytesMax: 100_000 })).bytes).toBe(100_000);
  });

  it('shows nothing under the key while the bytes still flow', async () => {
    const key = freshKey('flowing');
    const source = new Readable({ read() {} });
    const written = store().putStream(key, source, { bytesMax: 10 * MIB });
    source.push(randomBytes(6 * MIB));
    await expect(store().read(key)).rejects.toThrow(ObjectMissingError);
    expect(await store().stat(key)).toBeUndefined();
    expect(await keysBelow(store(), 'ten_contract/flowing/')).toEqual([]);
    source.push(null);
    expect((await written).bytes).toBe(6 * MIB);
    expect(await keysBelow(store(), 'ten_contract/flowing/')).toEqual([key]);
  });

  it('refuses a key that is taken', async () => {
    const key = freshKey();
    await store().put(key, Buffer.from('first'));
    const { source } = randomSource(100);
    await expect(store().putStream(key, source, { bytesMax: 100 })).rejects.toThrow(ObjectExistsError);
    expect((await bytesOf(store(), key)).toString()).toBe('first');
  });
}

export function specifyBounds(store: Store): void {
  it('ends at the first byte over the bound, reads no further and leaves the source to its owner', async () => {
    const key = freshKey();
    const { source, offered } = randomSource(50 * MIB);
    await expectNothingLeft(
      store(),
      key,
      store().putStream(key, source, { bytesMax: MIB }),
      new TooManyBytesError(MIB),
    );
    expect(offered()).toBeLessThan(2 * MIB);
    expect(source.destroyed).toBe(false);
    source.destroy(new Error('a late error harms nobody'));
    await new Promise((resolve) => source.once('close', resolve));
  });

  it('takes exactly the bound and refuses one byte more', async () => {
    const exact = store().putStream(freshKey(), Readable.from([Buffer.alloc(10)]), { bytesMax: 10 });
    expect((await exact).bytes).toBe(10);
    const over = store().putStream(freshKey(), Readable.from([Buffer.alloc(11)]), { bytesMax: 10 });
    await expect(over).rejects.toMatchObject({ name: 'TooManyBytesError', bytesMax: 10 });
  });

  it('ends when the signal aborts, with its reason', async () => {
    const key = freshKey();
    const abort = new AbortController();
    const source = new Readable({ read() {} });
    const written = store().putStream(key, source, { bytesMax: MIB, signal: abort.signal });
    source.push(randomBytes(300_000));
    setImmediate(() => abort.abort(new Error('the time is up')));
    await expectNothingLeft(store(), key, written, new Error('the time is up'));
    expect(source.destroyed).toBe(false);
  });

  it('does not begin when the signal has aborted', async () => {
    const key = freshKey();
    const { source } = randomSource(10);
    const signal = AbortSignal.abort(new Error('too late'));
    await expectNothingLeft(
      store(),
      key,
      store().putStream(key, source, { bytesMax: MIB, signal }),
      new Error('too late'),
    );
  });
}

export function specifyFailingSources(store: Store): void {
  it("passes on the source's own error", async () => {
    const key = freshKey();
    const source = new Readable({ read() {} });
    const written = store().putStream(key, source, { bytesMax: MIB });
    source.push(randomBytes(600_000));
    setImmediate(() => source.destroy(new Error('the client went away')));
    await expectNothingLeft(store(), key, written, new Error('the client went away'));
  });

  it('passes on an error that the source emits at once', async () => {
    const key = freshKey();
    const source = new Readable({ read() {} });
    source.destroy(new Error('broken from the start'));
    await expectNothingLeft(
      store(),
      key,
      store().putStream(key, source, { bytesMax: MIB }),
      new Error('broken from the start'),
    );
  });

  it('fails when the source closes before its end', async () => {
    const key = freshKey();
    const source = new Readable({ read() {} });
    const written = store().putStream(key, source, { bytesMax: MIB });
    source.push('half');
    setImmediate(() => source.destroy());
    await expectNothingLeft(store(), key, written, /premature close/i);
  });

  it('refuses a source of text', async () => {
    const key = freshKey();
    const source = Readable.from(['text'], { encoding: 'utf8' });
    await expectNothingLeft(store(), key, store().putStream(key, source, { bytesMax: MIB }), TypeError);
  });
}

/** The write fails as told, leaves nothing behind, and the key can be written afterwards. */
async function expectNothingLeft(
  store: ObjectStore,
  key: string,
  written: Promise<unknown>,
  failure: Error | RegExp | typeof TypeError,
): Promise<void> {
  await expect(written).rejects.toThrow(failure);
  expect(await store.stat(key)).toBeUndefined();
  expect(await keysBelow(store, key)).toEqual([]);
  await store.put(key, Buffer.from('free'));
}
