import { z } from 'zod';
import { DELIVERY_HEADERS } from './delivery-headers.ts';
import { PREFER } from './prefer.ts';
import { route } from './route.ts';

const IMAGE = { image: z.string().max(64) };
const FOUND_ERRORS = [
  'tenant_suspended',
  'tenant_gone',
  'feature_not_in_plan',
  'rate_limited',
  'quota_exceeded',
  'image_not_found',
  'image_gone',
  'database_unavailable',
] as const;
const LINK = 'The level of compliance, `rel="profile"`';

export const iiifBase = route({
  id: 'iiifBase',
  method: 'GET',
  path: '/iiif/3/{image}',
  summary: 'The base URI of an image in the IIIF Image API: leads to its info.json.',
  scope: undefined,
  params: z.object(IMAGE),
  responses: { 303: [] },
  errors: FOUND_ERRORS,
});

export const iiifInfo = route({
  id: 'iiifInfo',
  method: 'GET',
  path: '/iiif/3/{image}/info.json',
  summary: 'What may be asked of an image through the IIIF Image API 3.0: size, tiles, formats, limits.',
  scope: undefined,
  params: z.object(IMAGE),
  responses: { 200: ['application/json', 'application/ld+json'] },
  answerHeaders: { link: `${LINK}.` },
  errors: FOUND_ERRORS,
});

const DELIVERED = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/gif', 'image/tiff'] as const;

const part = (about: string) => z.string().describe(about);

export const iiifImage = route({
  id: 'iiifImage',
  method: 'GET',
  path: '/iiif/3/{image}/{region}/{size}/{rotation}/{file}',
  summary: 'A part of an image, by the IIIF Image API 3.0.',
  scope: undefined,
  params: z.object({
    ...IMAGE,
    region: part('`full`, `square`, `x,y,w,h` or `pct:x,y,w,h`.'),
    size: part('`max`, `w,`, `,h`, `w,h`, `!w,h` or `pct:n`; with `^` before it to enlarge.'),
    rotation: part('0, 90, 180 or 270; with `!` before it to mirror first.'),
    file: part('`{quality}.{format}`: default, color or gray; jpg, png, webp, gif, tif or avif.'),
  }),
  headers: z.object(PREFER),
  responses: { 200: DELIVERED, 206: DELIVERED },
  answerHeaders: { ...DELIVERY_HEADERS, link: `${LINK}, and the canonical URL of the answer, \`rel="canonical"\`.` },
  errors: [
    ...FOUND_ERRORS,
    'request_invalid',
    'format_not_allowed',
    'iiif_not_listed',
    'range_not_satisfiable',
    'rendition_failed',
    'budget_exhausted',
    'storage_quota_exceeded',
    'rendition_pending',
    'deadline_passed',
    'overloaded',
    'storage_unavailable',
  ],
});
