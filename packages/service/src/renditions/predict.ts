import type { Transformation } from '@safelight/contract';
import type { SourceFacts } from './protocol.ts';

/** What a job will take, as far as its source's header tells. */
export interface JobPrediction {
  /** Peak memory. */
  readonly bytes: number;
  /** CPU time in microseconds. */
  readonly costMicros: number;
  readonly deadlineMs: number;
}

export function predictJob(source: SourceFacts, transformations: readonly Transformation[]): JobPrediction {
  const pixels = source.width * source.height * source.frames;
  return {
    bytes: pixels * 4,
    costMicros: Math.round(pixels / 100) + transformations.length * 5000,
    deadlineMs: 30_000,
  };
}
