import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MinHeap } from './min-heap.ts';

test('gives back what went in, by key, and equal keys in the order in which they came', () => {
  const steps = fc.array(fc.option(fc.integer({ min: 0, max: 9 })), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (keys) => {
      const heap = new MinHeap<number>();
      const held: { key: number; turn: number }[] = [];
      for (const [turn, key] of keys.entries()) {
        if (key !== null) {
          heap.push(key, turn);
          held.push({ key, turn });
          continue;
        }
        held.sort((a, b) => a.key - b.key || a.turn - b.turn);
        expect(heap.keyMin).toBe(held[0]?.key ?? Number.POSITIVE_INFINITY);
        expect(heap.pop()).toBe(held.shift()?.turn);
        expect(heap.size).toBe(held.length);
      }
    }),
  );
});
