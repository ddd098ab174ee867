import type { Pixels } from '../../packages/service/src/renditions/ops/index.ts';
import type { JpegReducer, Reduction } from '../../packages/service/src/renditions/worker/jpeg-reducer.ts';

/** What a reducer makes of a file, as a copy that outlasts the next picture. */
export function reduceCopy(reducer: JpegReducer, path: string, reduction: Reduction): Pixels | undefined {
  using lent = reducer.reduce(path, reduction);
  if (!lent) return undefined;
  const { data, width, height, channels, frames } = lent;
  return { data: Buffer.from(data), width, height, channels, frames };
}
