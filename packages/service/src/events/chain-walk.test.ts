import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestEvent, GENESIS, link } from './chain.ts';
import { ChainWalk } from './chain-walk.ts';

interface Row {
  index: number;
  digest: Buffer;
  hash: Buffer;
}

function chain(length: number): Row[] {
  let previous: Uint8Array = GENESIS;
  return Array.from({ length }, (_, at) => {
    const digest = createHash('sha256').update(`event ${at}`).digest();
    const hash = link(previous, at + 1, digest);
    previous = hash;
    return { index: at + 1, digest, hash };
  });
}

function walk(rows: readonly Row[]): ChainWalk<number> {
  const result = new ChainWalk<number>();
  for (const { index, digest, hash } of rows) result.step(index, index, digest, hash);
  return result;
}

const LENGTH = 40;
const someIndexes = fc.uniqueArray(fc.integer({ min: 1, max: LENGTH }), { minLength: 1, maxLength: 6 });
const ascending = (a: number, b: number) => a - b;

test('a chain that nobody touched holds', () => {
  expect(walk(chain(LENGTH)).broken()).toEqual([]);
  expect(walk(chain(LENGTH)).gaps).toEqual([]);
});

test('whatever contents are changed, exactly those are named', () => {
  fc.assert(
    fc.property(someIndexes, (indexes) => {
      const rows = chain(LENGTH);
      for (const row of rows) if (indexes.includes(row.index)) row.digest = Buffer.alloc(32, row.index);
      const found = walk(rows).broken();
      expect(found).toEqual(indexes.toSorted(ascending).map((name) => ({ name, kind: 'changed' })));
    }),
  );
});

test('whatever links are changed, exactly those are named, not the rows that follow', () => {
  fc.assert(
    fc.property(someIndexes, (indexes) => {
      const rows = chain(LENGTH);
      for (const row of rows) if (indexes.includes(row.index)) row.hash = Buffer.alloc(32, row.index);
      const found = walk(rows).broken();
      expect(found).toEqual(indexes.toSorted(ascending).map((name) => ({ name, kind: 'changed' })));
    }),
  );
});

test('whatever rows are permuted, with or without their links, exactly those are named as reordered', () => {
  fc.assert(
    fc.property(someIndexes, fc.boolean(), (indexes, isWhole) => {
      fc.pre(indexes.length > 1);
      const sane = chain(LENGTH);
      const rows = sane.map((row) => {
        const at = indexes.indexOf(row.index);
        const source = at === -1 ? row : sane[(indexes[(at + 1) % indexes.length] ?? 0) - 1];
        if (!source) throw new Error('every index has a row');
        return { index: row.index, digest: source.digest, hash: isWhole ? source.hash : row.hash };
      });
      const found = walk(rows).broken();
      expect(found).toEqual(indexes.toSorted(ascending).map((name) => ({ name, kind: 'reordered' })));
    }),
  );
});

test('whatever rows are removed but the last, exactly the gaps are named', () => {
  fc.assert(
    fc.property(someIndexes, (indexes) => {
      const rows = chain(LENGTH + 1).filter((row) => !indexes.includes(row.index));
      const { gaps } = walk(rows);
      const missing = gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
      expect(missing).toEqual(indexes.toSorted(ascending));
      expect(walk(rows).broken()).toEqual([]);
    }),
  );
});

test('a link tells its place: the same events with other numbers do not hold', () => {
  const [first] = chain(1);
  if (!first) throw new Error('a chain of one has a first');
  expect(link(GENESIS, 2, first.digest)).not.toEqual(first.hash);
  expect(walk(chain(LENGTH).map((row) => ({ ...row, index: row.index + 1 }))).gaps).toEqual([{ from: 1, to: 1 }]);
});

test('fields cannot be shifted into one another, and nothing is not the empty text', () => {
  const event = {
    tenantId: 'ten_1',
    eventId: 'evt_1',
    type: 'job.dead',
    subject: 'a',
    imageId: 'b' as string | null,
    actor: 'system',
    atUs: 1,
    dataText: '{}',
    personalDigest: null,
  };
  const others = [
    { ...event, subject: 'ab', imageId: '' },
    { ...event, subject: 'a","b', imageId: null },
    { ...event, imageId: null },
    { ...event, imageId: '' },
    { ...event, personalDigest: new Uint8Array(32) },
  ];
  const digests = [event, ...others].map((each) => digestEvent(each).toString('hex'));
  expect(new Set(digests).size).toBe(digests.length);
});
