import { z } from 'zod';
import { route } from './route.ts';

const DELIVERED = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/gif', 'image/svg+xml'] as const;

export const deliverPreset = route({
  id: 'deliverPreset',
  method: 'GET',
  path: '/i/{tenant}/{image}/{preset}',
  summary: 'A rendition, as soon as it is ready; `original` needs the signature that the API hands out.',
  scope: undefined,
  params: z.object({ tenant: z.string().max(64), image: z.string().max(64), preset: z.string().max(64) }),
  query: z.object({
    v: z.string().max(64).optional().describe("The rendition's version; makes the answer immutable."),
    s: z.string().max(64).optional().describe('Signature over path and query.'),
  }),
  responses: { 200: DELIVERED, 206: DELIVERED },
  errors: [
    'request_invalid',
    'signature_invalid',
    'image_not_found',
    'preset_not_found',
    'image_gone',
    'range_not_satisfiable',
    'rendition_failed',
    'rendition_pending',
    'overloaded',
    'database_unavailable',
    'storage_unavailable',
  ],
});
