import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from './clock.ts';
import { ID_PREFIXES, type IdKind, isId, lowestId, newId, uuidV7 } from './ids.ts';
import { InvariantError } from './invariant.ts';

const KINDS = Object.keys(ID_PREFIXES) as IdKind[];
const kind = fc.constantFrom(...KINDS);
const timeMs = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const tenBytes = fc.uint8Array({ minLength: 10, maxLength: 10 });

function clockAt(nowMs: number, random?: Uint8Array): Clock {
  return { ...systemClock, now: () => nowMs, ...(random && { bytes: () => random }) };
}

describe('an identifier', () => {
  it('is its prefix, an underscore and 26 characters of lower-case Crockford base32', () => {
    fc.assert(
      fc.property(kind, timeMs, tenBytes, (of, now, random) => {
        const id = newId(of, clockAt(now, random));
        expect(id).toMatch(new RegExp(`^${ID_PREFIXES[of]}_[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}$`));
        expect(isId(of, id)).toBe(true);
      }),
    );
  });

  it('is the same for the same time and bytes: the vector of RFC 9562, appendix A.6', () => {
    const random = Uint8Array.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
    expect(Buffer.from(uuidV7(0x017f22e279b0, random)).toString('hex')).toBe('017f22e279b07cc398c4dc0c0c07398f');
    expect(newId('image', clockAt(0x017f22e279b0, random))).toBe('img_01fwhe4ydgfk1shh6w1g60eecf');
  });

  it('lies at or above the lowest of its millisecond, and below that of the next', () => {
    fc.assert(
      fc.property(kind, fc.integer({ min: 0, max: 2 ** 48 - 2 }), tenBytes, (of, now, random) => {
        const id = newId(of, clockAt(now, random));
        expect(lowestId(of, now) <= id && id < lowestId(of, now + 1)).toBe(true);
      }),
    );
    expect(lowestId('image', -1)).toBe(lowestId('image', 0));
    expect(isId('image', lowestId('image', Number.MAX_SAFE_INTEGER))).toBe(true);
  });

  it('sorts as text by the millisecond in which it was made, whatever the random bits', () => {
    fc.assert(
      fc.property(kind, timeMs, timeMs, tenBytes, tenBytes, (of, one, other, someBits, otherBits) => {
        fc.pre(one !== other);
        const first = newId(of, clockAt(Math.min(one, other), someBits));
        const second = newId(of, clockAt(Math.max(one, other), otherBits));
        expect(first < second).toBe(true);
      }),
    );
  });

  it('does not repeat in a hundred thousand of one millisecond', () => {
    const clock = clockAt(1_760_000_000_000);
    const ids = new Set(Array.from({ length: 100_000 }, () => newId('object', clock)));
    expect(ids.size).toBe(100_000);
  });

  it('is of its own kind alone', () => {
    fc.assert(
      fc.property(kind, kind, timeMs, (of, asked, now) => {
        expect(isId(asked, newId(of, clockAt(now)))).toBe(of === asked);
      }),
    );
  });

  it.each([
    '',
    'img_',
    'img_01k9',
    'img_01fwhe4ydgfk1shh6w1g60eecf0',
    'img_01fwhe4ydgfk1shh6w1g60eec',
    'img_81fwhe4yddfk1smh6w1g60edcf',
    'img_01FWHE4YDGFK1SHH6W1G60EECF',
    'img_01fwhe4ydgfk1shh6w1g60eeci',
    'img_01fwhe4ydgfk1shh6w1g60eecl',
    'img_01fwhe4ydgfk1shh6w1g60eeco',
    'img_01fwhe4ydgfk1shh6w1g60eecu',
    ' img_01fwhe4ydgfk1shh6w1g60eecf',
    'img_01fwhe4ydgfk1shh6w1g60eecf\n',
    'IMG_01fwhe4ydgfk1shh6w1g60eecf',
    '01fwhe4ydgfk1shh6w1g60eecf',
  ])('is not %j', (text) => {
    expect(isId('image', text)).toBe(false);
  });
});

describe('the bits of an identifier', () => {
  it('carry time, version 7, variant 2 and 74 random bits', () => {
    fc.assert(
      fc.property(timeMs, tenBytes, (now, random) => {
        const bits = BigInt(`0x${Buffer.from(uuidV7(now, random)).toString('hex')}`);
        expect(bits >> 80n).toBe(BigInt(now));
        expect((bits >> 76n) & 0xfn).toBe(7n);
        expect((bits >> 62n) & 0x3n).toBe(2n);
        const given = BigInt(`0x${Buffer.from(random).toString('hex')}`);
        const randomBits = (1n << 80n) - 1n - (0xfn << 76n) - (0x3n << 62n);
        expect(bits & randomBits).toBe(given & randomBits);
      }),
    );
  });

  it('are refused for a time or randomness that does not fit', () => {
    const random = new Uint8Array(10);
    for (const now of [-1, 0.5, 2 ** 48, Number.NaN]) expect(() => uuidV7(now, random)).toThrow(InvariantError);
    for (const length of [9, 11]) expect(() => uuidV7(0, new Uint8Array(length))).toThrow(InvariantError);
  });
});
