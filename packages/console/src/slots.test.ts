import { expect, test } from 'vitest';
import { createSlots } from './slots.ts';

test('no more than the slots run at once, the others in the order in which they came, failures included', async () => {
  const run = createSlots(2);
  const started: number[] = [];
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const all = ends.map(({ promise }, index) =>
    run(() => {
      started.push(index);
      return promise;
    }),
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  await settle();
  expect(started).toEqual([0, 1]);
  ends[1]?.reject(new Error('no'));
  await expect(all[1]).rejects.toThrow('no');
  await settle();
  expect(started).toEqual([0, 1, 2]);
  const late = run(async () => started.push(5));
  await settle();
  expect(started).toEqual([0, 1, 2]);
  ends[0]?.resolve();
  ends[2]?.resolve();
  await settle();
  expect(started).toEqual([0, 1, 2, 3, 4]);
  for (const end of ends) end.resolve();
  await late;
  expect(started).toEqual([0, 1, 2, 3, 4, 5]);
  await Promise.allSettled(all);
});
