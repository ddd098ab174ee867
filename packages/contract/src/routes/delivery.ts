import { z } from 'zod';
import { explanationSchema } from '../explanation.ts';
import { PARAMETERS } from '../transformation.ts';
import { DELIVERY_HEADERS } from './delivery-headers.ts';
import { PREFER } from './prefer.ts';
import { readHeaders } from './reads.ts';
import { route } from './route.ts';

const DELIVERED = [
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/avif',
  'image/gif',
  'image/tiff',
  'image/svg+xml',
] as const;

const ADDRESS = { tenant: z.string().max(64), image: z.string().max(64) };
const DELIVERY_ERRORS = [
  'request_invalid',
  'format_not_allowed',
  'tenant_suspended',
  'tenant_gone',
  'feature_not_in_plan',
  'rate_limited',
  'quota_exceeded',
  'storage_quota_exceeded',
  'signature_invalid',
  'image_not_found',
  'image_gone',
  'range_not_satisfiable',
  'rendition_failed',
  'budget_exhausted',
  'rendition_pending',
  'deadline_passed',
  'overloaded',
  'database_unavailable',
  'storage_unavailable',
] as const;

export const deliverPreset = route({
  id: 'deliverPreset',
  method: 'GET',
  path: '/i/{tenant}/{image}/{preset}',
  summary: 'A rendition, as soon as it is ready; `original` needs the signature that the API hands out.',
  scope: undefined,
  params: z.object({ ...ADDRESS, preset: z.string().max(64) }),
  headers: z.object(PREFER),
  query: z.object({
    v: z.string().max(64).optional().describe("The rendition's version; makes the answer immutable."),
    s: z.string().max(64).optional().describe('Signature over path and query; `original` and private images take one.'),
    expires: z.string().max(11).optional().describe('Until when the URL is good, in seconds since 1970.'),
    t: z.string().max(4_096).optional().describe('A delivery token in place of the signature.'),
  }),
  responses: { 200: DELIVERED, 206: DELIVERED },
  answerHeaders: DELIVERY_HEADERS,
  errors: [...DELIVERY_ERRORS, 'preset_not_found'],
});

/** What `auto` may leave to the service. */
export const AUTO_WISHES = ['format', 'compress'] as const;
export type AutoWish = (typeof AUTO_WISHES)[number];

/** Client hints that `ch` may honour. */
export const CLIENT_HINTS = ['width', 'dpr', 'save-data'] as const;
export type ClientHint = (typeof CLIENT_HINTS)[number];

/** Some of `names` with commas between, each at most once; undefined when the text is something else. */
export function readSome<const Name extends string>(text: string, names: readonly Name[]): readonly Name[] | undefined {
  const words = text.split(',');
  const some = names.filter((name) => words.includes(name));
  return some.length === words.length ? some : undefined;
}

/** What a delivery URL says besides the transformation. */
export const DELIVERY_PARAMETERS = {
  v: { about: "The rendition's version; makes the answer immutable.", allowed: '8 to 64 hexadecimal digits' },
  expires: {
    about: 'Until when the URL is good, in seconds since 1970.',
    allowed: 'seconds since 1970-01-01 in UTC, a whole number of at most 11 digits',
  },
  dl: {
    about: 'Name under which browsers save the picture instead of showing it.',
    allowed: 'a file name of 1 to 255 characters without control characters',
  },
  auto: {
    about:
      '`format` answers in the smallest format that `Accept` names: at once in the best that exists, or one that is made fast, while the best is made for later; `compress` chooses the quality as `q=auto` does.',
    allowed: 'format, compress, or both with a comma between',
  },
  ch: {
    about:
      'Client hints that are honoured: `width` gives `w` where none is asked for, in steps; `dpr` multiplies as the parameter of that name; `save-data` lowers the quality.',
    allowed: 'some of width, dpr, save-data with commas between',
  },
  explain: {
    about:
      'Answers with the plan and its cost instead of the picture, and makes nothing; takes a key with the scope `images:read` instead of a signature.',
    allowed: '1',
  },
  t: {
    about: 'A delivery token in place of the signature; the last parameter.',
    allowed: 'once, as the last parameter: a token as `POST /v1/delivery-tokens` makes it',
  },
  s: {
    about: 'Signature over path and query; the last parameter.',
    allowed: 'once, as the last parameter: 43 characters of base64url',
  },
} as const satisfies Record<string, { readonly about: string; readonly allowed: string }>;

/** As text, whatever it is: the route itself reads it, since a signature is looked at before what it signs. */
const unread = (about: string) => z.unknown().optional().meta({ type: 'string', description: about });

export const deliverOpen = route({
  id: 'deliverOpen',
  method: 'GET',
  path: '/i/{tenant}/{image}',
  summary: 'Any rendition, made when it is asked for first; signed unless the tenant allows unsigned ones.',
  scope: undefined,
  params: z.object(ADDRESS),
  headers: z.object(PREFER),
  query: z.object(
    Object.fromEntries(
      [
        ...Object.entries(PARAMETERS).map(([name, { about, allowed }]) => [name, about, allowed] as const),
        ...Object.entries(DELIVERY_PARAMETERS).map(([name, { about, allowed }]) => [name, about, allowed] as const),
      ].map(([name, about, allowed]) => [name, unread(`${about} Takes ${allowed}.`)]),
    ),
  ),
  responses: { 200: DELIVERED, 206: DELIVERED },
  answerHeaders: DELIVERY_HEADERS,
  errors: DELIVERY_ERRORS,
});

export const explainRendition = route({
  id: 'explainRendition',
  method: 'GET',
  path: '/v1/images/{id}/explain',
  summary: 'What a rendition takes: its plan, what it was predicted to cost and what it did; makes nothing.',
  scope: 'images:read',
  params: z.object({ id: z.string().max(64) }),
  headers: readHeaders,
  query: z.object(
    Object.fromEntries(
      Object.entries(PARAMETERS).map(([name, { about, allowed }]) => [name, unread(`${about} Takes ${allowed}.`)]),
    ),
  ),
  responses: { 200: explanationSchema },
  errors: [
    'key_missing',
    'key_invalid',
    'scope_missing',
    'rate_limited',
    'request_invalid',
    'image_not_found',
    'image_gone',
    'database_unavailable',
  ],
});
