import { z } from 'zod';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

const HOST_CHARACTERS_MAX = 253;
/** Two labels at least, in lower case; what stands in the DNS with other letters is written in Punycode there too. */
export const DOMAIN_HOST = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

const domainSchema = z
  .object({
    host: z.string(),
    state: z.enum(['unproved', 'proved']).describe('`proved`: it is the tenant’s, and its images are delivered there.'),
    isPrimary: z.boolean().describe('The URLs that the API tells begin with it.'),
    record: z
      .object({ name: z.string(), type: z.literal('TXT'), value: z.string() })
      .describe('What the DNS has to say as proof.'),
    provedAt: z.iso.datetime().optional(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Domain' });

const scope = 'settings:manage';
const ERRORS = [...KEY_ERRORS, 'request_invalid', 'database_unavailable'] as const;
const params = z.object({ host: z.string().max(HOST_CHARACTERS_MAX) });

export const listDomains = route({
  id: 'listDomains',
  method: 'GET',
  path: '/v1/domains',
  summary: 'Hosts at which the tenant’s images are delivered, or will be once it has proved that they are its own.',
  scope,
  responses: { 200: z.object({ domains: z.array(domainSchema) }).meta({ id: 'DomainList' }) },
  errors: ERRORS,
});

export const putDomain = route({
  id: 'putDomain',
  method: 'PUT',
  path: '/v1/domains/{host}',
  summary: 'Claim a host, or look again whether the DNS proves it; the answer says what record it has to have.',
  scope,
  params: z.object({
    host: z
      .string()
      .max(HOST_CHARACTERS_MAX)
      .regex(DOMAIN_HOST, 'is no host name in lower case, such as img.example.com'),
  }),
  body: z.strictObject({
    isPrimary: z.boolean().optional().describe('Absent: as it is; the first that is proved is primary.'),
  }),
  responses: { 200: domainSchema },
  errors: [...ERRORS, ...BODY_ERRORS, 'feature_not_in_plan', 'limit_reached', 'domain_taken'],
  event: 'domain.changed',
});

export const removeDomain = route({
  id: 'removeDomain',
  method: 'DELETE',
  path: '/v1/domains/{host}',
  summary: 'Give up a host: nothing is delivered there any more.',
  scope,
  params,
  responses: { 200: z.object({ host: z.string() }).meta({ id: 'RemovedDomain' }) },
  errors: [...ERRORS, 'domain_not_found'],
  event: 'domain.removed',
});

export type Domain = z.infer<typeof domainSchema>;
