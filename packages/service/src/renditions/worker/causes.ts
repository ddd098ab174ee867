import type { Cause } from '../protocol.ts';

const MESSAGE_LENGTH_MAX = 240;

const CODES: readonly { readonly pattern: RegExp; readonly code: Cause['code'] }[] = [
  { pattern: /ENOSPC|EDQUOT|No space left|Disk quota/i, code: 'out_of_space' },
  { pattern: /Processed image is too large/i, code: 'output_too_large' },
];

/** An error whose meaning is known where it is thrown. */
export class CauseError extends Error {
  override readonly name = 'CauseError';
  override readonly cause: Cause;
  constructor(cause: Cause) {
    super(cause.message);
    this.cause = cause;
  }
}

/** What an error of the library means, in one line; `otherwise` is the code when its words are not known. */
export function causeOf(error: unknown, otherwise: Cause['code']): Cause {
  if (error instanceof CauseError) return error.cause;
  // The system's own word stands below the library's: `write error`, and then `No space left on device`.
  const code = CODES.find(({ pattern }) => pattern.test(String(error)))?.code ?? otherwise;
  return { code, message: plainMessage(error) };
}

/** The first telling line of the library's message, without the paths of files that mean nothing to its reader. */
export function plainMessage(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error))
    .split('\n')
    .map((line) =>
      line
        .replace(/(?:[\w.@-]*\/)+[\w.@-]+:?/g, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '');
  return (lines[0] ?? 'the decoder gave no reason').slice(0, MESSAGE_LENGTH_MAX);
}
