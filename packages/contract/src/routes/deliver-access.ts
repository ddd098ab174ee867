import { z } from 'zod';
import { deliveryTokenSchema, deliveryTokenWishSchema } from '../delivery-tokens.ts';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

export const createDeliveryToken = route({
  id: 'createDeliveryToken',
  method: 'POST',
  path: '/v1/delivery-tokens',
  summary:
    'Make a token that stands in for the signature of every delivery URL of some images, or of all, private ones included. Nothing is kept of it: it ends by itself, or with the URL key that signs it.',
  scope: 'deliver:sign',
  body: deliveryTokenWishSchema,
  responses: { 201: deliveryTokenSchema },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'database_unavailable'],
});

const opening = {
  method: 'GET',
  scope: undefined,
  query: z.object({ t: z.string().max(4_096).describe('The delivery token.') }),
  responses: { 204: [] },
  answerHeaders: { 'set-cookie': 'The token, until it ends; HttpOnly, SameSite=Lax, and Secure where there is https.' },
  errors: [
    'request_invalid',
    'signature_invalid',
    'tenant_suspended',
    'tenant_gone',
    'rate_limited',
    'quota_exceeded',
    'database_unavailable',
  ],
} as const;

export const openDeliveries = route({
  ...opening,
  id: 'openDeliveries',
  path: '/i/{tenant}/session',
  summary:
    'Puts a delivery token into a cookie of the tenant’s deliveries: plain `img` elements then show private images.',
  params: z.object({ tenant: z.string().max(64) }),
});
