import type { Sharp } from 'sharp';
import type { PlannedOutput, Size } from '../plan.ts';
import type { SourceFacts } from '../source.ts';

/** One step of the pipeline. It knows the library by type alone: only the worker process loads it. */
export interface Operation {
  readonly name: string;
  /**
   * `decode`: once, on the way from the source to the shared pixels. `output`: for each output, on the way from those
   * to its file. Where a job has a single output both ways are one pipeline and an operation of `each` runs once.
   */
  readonly stage: 'decode' | 'output' | 'each';
  /** Adds this step to `image`, or returns it as it is. */
  apply(image: Sharp, step: Step): Sharp;
}

export interface Step {
  readonly source: SourceFacts;
  /** Of one frame, when this step's pipeline ends. */
  readonly size: Size;
  /** Absent on the way to the shared pixels. */
  readonly output: PlannedOutput | undefined;
  /** Present when all frames are kept. */
  readonly animation: Animation | undefined;
}

export interface Animation {
  readonly delaysMs: readonly number[];
  /** How often it plays; 0 for ever. */
  readonly loop: number;
}
