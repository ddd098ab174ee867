import { z } from 'zod';
import { PASSWORD_CHARACTERS_MIN } from '../passwords.ts';
import { PERSON_ROLES, SCOPES, type Scope } from '../scopes.ts';
import { BODY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

/** More than anybody types; it is digested whole. */
const PASSWORD_CHARACTERS_MAX = 256;
const EMAIL_CHARACTERS_MAX = 254;

export const emailSchema = z
  .string()
  .trim()
  .max(EMAIL_CHARACTERS_MAX)
  .pipe(z.email())
  .describe('Upper and lower case are the same.');
const newPasswordSchema = z.string().min(PASSWORD_CHARACTERS_MIN).max(PASSWORD_CHARACTERS_MAX);
const passwordSchema = z.string().max(PASSWORD_CHARACTERS_MAX);
const tokenSchema = z.string().max(100);

/** Who speaks, for which tenant, and what the page needs to know of this node. */
export const sessionSchema = z
  .object({
    kind: z.enum(['loopback', 'person', 'key']),
    tenant: z.string(),
    scopes: z.array(z.enum(Object.keys(SCOPES) as [Scope, ...Scope[]])),
    person: z
      .object({ id: z.string(), email: z.string(), role: z.enum(PERSON_ROLES), hasPassword: z.boolean() })
      .optional(),
    tenants: z.array(z.string()).optional().describe('All tenants that the person belongs to.'),
    csrf: z.string().optional().describe('To be sent back as `X-CSRF-Token` with everything that changes something.'),
    expiresAt: z.iso.datetime().optional(),
    version: z.string(),
    uploadBytesMax: z.int(),
    pixelsMax: z.int(),
  })
  .meta({ id: 'Session' });

const waysSchema = z
  .object({
    password: z.literal(true),
    oidc: z.boolean().describe('Whether `GET /v1/session/oidc` leads to a provider that people are known to.'),
    loopback: z.boolean().describe('Whether the page needs no log-in here.'),
  })
  .meta({ id: 'WaysIn' });

const LOG_IN_ERRORS = [
  'log_in_failed',
  'log_in_locked',
  'origin_refused',
  'overloaded',
  'database_unavailable',
] as const;
const PERSON_ERRORS = [
  'key_missing',
  'session_ended',
  'origin_refused',
  'csrf_missing',
  'database_unavailable',
] as const;

export const session = route({
  id: 'session',
  method: 'POST',
  path: '/v1/session',
  summary:
    'Log in by e-mail and password. Without a body: who is logged in already, else opens the session of the loopback page.',
  scope: undefined,
  body: z.strictObject({
    email: emailSchema,
    password: passwordSchema,
    tenant: z.string().max(63).optional().describe('Short name; absent: the first that the person belongs to.'),
  }),
  responses: { 200: sessionSchema },
  errors: [...LOG_IN_ERRORS, ...BODY_ERRORS, 'route_not_found'],
  event: 'person.logged_in',
});

export const readSession = route({
  id: 'readSession',
  method: 'GET',
  path: '/v1/session',
  summary: 'Who the key or the cookie speaks for, and what it may do.',
  scope: undefined,
  responses: { 200: sessionSchema },
  errors: ['key_missing', 'key_invalid', 'session_ended', 'origin_refused', 'database_unavailable'],
});

export const switchSession = route({
  id: 'switchSession',
  method: 'PATCH',
  path: '/v1/session',
  summary: 'Go on in another tenant that the person belongs to, in a new session.',
  scope: undefined,
  body: z.strictObject({ tenant: z.string().max(63) }),
  responses: { 200: sessionSchema },
  errors: [...PERSON_ERRORS, ...BODY_ERRORS, 'person_not_found'],
  event: 'person.logged_in',
});

export const endSession = route({
  id: 'endSession',
  method: 'DELETE',
  path: '/v1/session',
  summary: 'Log out.',
  scope: undefined,
  responses: { 200: z.object({ ended: z.boolean() }).meta({ id: 'SessionEnd' }) },
  errors: ['origin_refused', 'csrf_missing', 'database_unavailable'],
});

export const waysIn = route({
  id: 'waysIn',
  method: 'GET',
  path: '/v1/session/ways',
  summary: 'How people may log in here.',
  scope: undefined,
  responses: { 200: waysSchema },
  errors: [],
});

export const changePassword = route({
  id: 'changePassword',
  method: 'POST',
  path: '/v1/session/password',
  summary: 'Change the password of who is logged in; all other sessions of that person end.',
  scope: undefined,
  body: z.strictObject({
    current: passwordSchema.describe('The password until now.'),
    next: newPasswordSchema,
  }),
  responses: { 200: sessionSchema },
  errors: [...PERSON_ERRORS, ...BODY_ERRORS, 'log_in_failed', 'log_in_locked', 'overloaded'],
  event: 'person.password_changed',
});

export const acceptInvitation = route({
  id: 'acceptInvitation',
  method: 'POST',
  path: '/v1/session/invitation',
  summary:
    'Take an invitation by its one-time token and log in. Who is new sets a password by it; who is known gives the own one.',
  scope: undefined,
  body: z.strictObject({ token: tokenSchema, password: newPasswordSchema }),
  responses: { 200: sessionSchema },
  errors: [...LOG_IN_ERRORS, ...BODY_ERRORS, 'invitation_not_found'],
  event: 'person.joined',
});

export const startOidc = route({
  id: 'startOidc',
  method: 'GET',
  path: '/v1/session/oidc',
  summary: 'Leads the browser to the OpenID Connect provider.',
  scope: undefined,
  responses: { 303: [] },
  errors: ['route_not_found'],
});

export const finishOidc = route({
  id: 'finishOidc',
  method: 'GET',
  path: '/v1/session/oidc/callback',
  summary: 'Where the provider leads back to: sets the cookie and goes on to the page, which tells what failed.',
  scope: undefined,
  responses: { 303: [] },
  errors: ['route_not_found'],
  event: 'person.logged_in',
});

export type Session = z.infer<typeof sessionSchema>;
export type WaysIn = z.infer<typeof waysSchema>;
