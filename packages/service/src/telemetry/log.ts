import { type Logger, pino } from 'pino';

/** Structured logs on stderr: stdout belongs to what a command answers. */
export function createLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      serializers: { err: describeError },
      // Credentials travel in headers; none may reach a log.
      redact: ['req.headers.authorization', 'req.headers.cookie', 'authorization', 'cookie'],
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** What is told of an error: a driver hangs its whole connection on one, with all that passed over it. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  const code = (error as { code?: unknown }).code;
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  return { name, message, ...(typeof code === 'string' && { code }), stack, ...cause };
}
