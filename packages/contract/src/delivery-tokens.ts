import { z } from 'zod';

/** Stands before the payload of a delivery token when it is signed: a URL's path begins otherwise, so neither is the other. */
export const DELIVERY_TOKEN_PREFIX = 'delivery-token:';
/** So that a token fits into a cookie, which browsers keep up to 4,096 bytes of. */
const IMAGES_MAX = 50;
const IMAGE_ID_CHARACTERS_MAX = 64;
const SECONDS_MAX = 99_999_999_999;

const imagesSchema = z
  .array(z.string().min(1).max(IMAGE_ID_CHARACTERS_MAX))
  .min(1)
  .max(IMAGES_MAX)
  .optional()
  .describe('Ids of images that it opens; absent: all of the tenant.');

/** What a delivery token says. */
export const deliveryClaimsSchema = z.strictObject({
  expires: z.int().min(1).max(SECONDS_MAX).describe('Until when it is good, in seconds since 1970.'),
  images: imagesSchema,
});

const DAY_SECONDS = 24 * 60 * 60;
const LIFE_SECONDS_MAX = 7 * DAY_SECONDS;
const LIFE_SECONDS = 60 * 60;

export const deliveryTokenWishSchema = z.strictObject({
  expiresInSeconds: z.int().min(1).max(LIFE_SECONDS_MAX).default(LIFE_SECONDS),
  images: imagesSchema,
});

export const deliveryTokenSchema = z
  .object({
    token: z
      .string()
      .describe('Goes as `t=` at the end of a delivery URL, as `Authorization: Bearer`, or to `session`.'),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'DeliveryToken' });

export type DeliveryTokenWish = z.input<typeof deliveryTokenWishSchema>;
export type DeliveryToken = z.infer<typeof deliveryTokenSchema>;
