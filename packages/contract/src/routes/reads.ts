import { z } from 'zod';
import { CONSISTENCIES, POSITION_HEADER } from '../position.ts';
import type { RouteContract } from './route.ts';

const POSITION_ABOUT =
  'How new the answer is, where the database has several hosts. Sent back with a later request, it makes that answer ' +
  'at least as new; of two the greater is the later.';

/** Of a route that changes nothing and may be answered by a standby of the database. */
export const readHeaders = z.object({
  consistency: z
    .enum(CONSISTENCIES, { error: `must be one of ${CONSISTENCIES.join(', ')}` })
    .optional()
    .describe(
      '`session` (also without the header): at least as new as `safelight-position` and as what this key was answered ' +
        'by this node, and never older than a few seconds. `strong`: everything that was committed before.',
    ),
  [POSITION_HEADER]: z
    .string()
    .regex(/^[0-9A-F]{24}$/, 'must be the header of an earlier answer, 24 hexadecimal digits')
    .optional()
    .describe('The greatest `safelight-position` of the answers that this caller has had.'),
});

/** Headers of a success that are told by us alone, and what each says: the route's own, and of all that has a history. */
export function answerHeadersOf(contract: RouteContract): Readonly<Record<string, string>> {
  const isRead = contract.headers !== undefined && POSITION_HEADER in contract.headers.shape;
  const isWrite = contract.scope !== undefined && contract.method !== 'GET';
  return { ...contract.answerHeaders, ...((isRead || isWrite) && { [POSITION_HEADER]: POSITION_ABOUT }) };
}
