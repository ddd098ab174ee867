import { z } from 'zod';

/** What a client says of its patience, where work is done for it. */
export const PREFER = {
  prefer: z
    .string()
    .optional()
    .describe(
      '`wait=SECONDS` (RFC 7240): how long the client waits, of an upload from its last byte on; 30 at most. What is not done by then is given up, or never begun, and answered 503.',
    ),
} as const;
