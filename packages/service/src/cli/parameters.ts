import { parseTransformation, type Transformation } from '@safelight/contract';
import { ExitError } from './exit.ts';

/** A parameter of a transformation: its name, and what it is set to. */
export type Parameter = readonly [name: string, text: string];

/** Parameters as they stand on the command line, such as `w=800`. */
export function entriesOf(parameters: readonly string[]): Parameter[] {
  return parameters.map((parameter) => {
    const at = parameter.indexOf('=');
    return at < 0 ? [parameter, ''] : [parameter.slice(0, at), parameter.slice(at + 1)];
  });
}

/** @throws ExitError that names the first parameter which is wrong, and what it takes. */
export function readTransformation(entries: readonly Parameter[]): Transformation {
  const parsed = parseTransformation(entries);
  if (parsed.ok) return parsed.transformation;
  const [first] = parsed.problems;
  throw new ExitError(2, `${first?.parameter} takes ${first?.allowed}`);
}
