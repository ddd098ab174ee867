import { z } from 'zod';
import { route } from './route.ts';

const purgeSchema = z
  .object({ surrogateKeys: z.array(z.string()).describe('What caches in front are told to drop.') })
  .meta({ id: 'Purge' });

export const purge = route({
  id: 'purge',
  method: 'POST',
  path: '/v1/purge',
  summary:
    'Has every node, and the cache in front if there is one, drop what it holds of an image, or of the whole tenant.',
  scope: 'images:write',
  query: z.object({
    image: z.string().max(64).optional().describe('An image, also a deleted one; absent: all of the tenant.'),
  }),
  responses: { 202: purgeSchema },
  errors: [
    'key_missing',
    'key_invalid',
    'scope_missing',
    'tenant_suspended',
    'origin_refused',
    'request_invalid',
    'image_not_found',
    'database_unavailable',
  ],
  event: 'delivery.purged',
});

export type Purge = z.infer<typeof purgeSchema>;
