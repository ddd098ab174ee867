/** Runs at most `slotsMax` pieces of work at once; the others wait in the order in which they came. */
export function createSlots(slotsMax: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = slotsMax;

  async function run<T>(work: () => Promise<T>): Promise<T> {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // Handed over, not given back: a newcomer must not step in between.
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  }

  return run;
}
