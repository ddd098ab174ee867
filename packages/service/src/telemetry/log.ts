import { type Logger, pino } from 'pino';

/** Structured logs on stderr: stdout belongs to what a command answers. */
export function createLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      // Credentials travel in headers; none may reach a log.
      redact: ['req.headers.authorization', 'req.headers.cookie', 'authorization', 'cookie'],
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
