import type { Lookup } from '../images/index.ts';
import { ProblemError } from './problem.ts';

/** What was looked for. @throws ProblemError when there never was such a thing, or is no more. */
export function existing<T>(lookup: Lookup<T>): T {
  if (lookup.state === 'found') return lookup.value;
  throw new ProblemError(lookup.state === 'gone' ? 'image_gone' : 'image_not_found');
}
