import { z } from 'zod';
import { PERSON_ROLES } from '../scopes.ts';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';
import { emailSchema } from './session.ts';

const PAGE_PEOPLE_MAX = 200;

export const personSchema = z
  .object({
    id: z.string().describe('Of the person; of the invitation while nobody has taken it.'),
    email: z.string(),
    role: z.enum(PERSON_ROLES),
    state: z.enum(['invited', 'member']),
    since: z.iso.datetime(),
    expiresAt: z.iso.datetime().optional().describe('Of an invitation.'),
    lastSeenAt: z.iso.datetime().optional().describe('To the minute.'),
  })
  .meta({ id: 'Person' });

const invitationSchema = personSchema
  .extend({ link: z.url().describe('One-time; hand it over to the person. It is shown this once.') })
  .meta({ id: 'Invitation' });

const peoplePageSchema = z
  .object({ people: z.array(personSchema), next: z.string().optional().describe('Cursor of the next page.') })
  .meta({ id: 'PeoplePage' });

const personParams = z.object({ id: z.string().max(64) });

export const listPeople = route({
  id: 'listPeople',
  method: 'GET',
  path: '/v1/people',
  summary: 'The people of the tenant, and invitations that nobody has taken yet.',
  scope: 'people:manage',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_PEOPLE_MAX).default(50),
    after: z.string().max(64).optional().describe('The cursor `next` of the page before.'),
  }),
  responses: { 200: peoplePageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'database_unavailable'],
});

export const invitePerson = route({
  id: 'invitePerson',
  method: 'POST',
  path: '/v1/people',
  summary: 'Invite a person, by a link that you hand over; a new one for the same e-mail takes the place of the old.',
  scope: 'people:manage',
  body: z.strictObject({ email: emailSchema, role: z.enum(PERSON_ROLES) }),
  responses: { 201: invitationSchema },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'limit_reached', 'database_unavailable'],
  event: 'person.invited',
});

export const changePerson = route({
  id: 'changePerson',
  method: 'PATCH',
  path: '/v1/people/{id}',
  summary: 'Change the role of a person; it counts at once on this node, on every other within five seconds.',
  scope: 'people:manage',
  params: personParams,
  body: z.strictObject({ role: z.enum(PERSON_ROLES) }),
  responses: { 200: personSchema },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'person_not_found', 'last_owner', 'database_unavailable'],
  event: 'person.changed',
});

export const removePerson = route({
  id: 'removePerson',
  method: 'DELETE',
  path: '/v1/people/{id}',
  summary: 'Take a person out of the tenant, or an invitation back; the sessions of the person in it end.',
  scope: 'people:manage',
  params: personParams,
  responses: { 200: z.object({ id: z.string() }).meta({ id: 'PersonRemoval' }) },
  errors: [...KEY_ERRORS, 'request_invalid', 'person_not_found', 'last_owner', 'database_unavailable'],
  event: 'person.removed',
});

export type Person = z.infer<typeof personSchema>;
export type Invitation = z.infer<typeof invitationSchema>;
export type PeoplePage = z.infer<typeof peoplePageSchema>;
