import { z } from 'zod';

/**
 * The closed catalogue of events: what happened, and the shape of what is told about it. `data` stays forever in a
 * log that nobody edits, so nothing about a person belongs there; that goes to `personal`, which erasure removes.
 * A shape that has been written is only ever extended by optional fields.
 */
export const EVENTS = {
  'image.accepted': {
    data: z.strictObject({
      originalId: z.string(),
      bytes: z.int().positive(),
      format: z.string(),
      width: z.int().positive(),
      height: z.int().positive(),
      frames: z.int().positive(),
      /** Whether the tenant had sent the same bytes before. */
      duplicate: z.boolean(),
      /** Renditions that were asked for with the upload. */
      renditions: z.int().nonnegative(),
    }),
    /** A digest of bytes recognises a picture as surely as its name does. */
    personal: z.strictObject({
      filename: z.string().optional(),
      sha256: z.string().optional(),
      /** Where the upload came from. */
      address: z.string().optional(),
    }),
  },
  'image.deleted': {
    data: z.strictObject({
      originalId: z.string(),
      /** False while another image shares the original. */
      originalDeleted: z.boolean(),
      renditions: z.int().nonnegative(),
    }),
    personal: z.strictObject({ address: z.string().optional() }),
  },
  /** Caches were told to drop what they hold of the image, or of the whole tenant, because somebody asked for it. */
  'delivery.purged': {
    data: z.strictObject({ scope: z.enum(['image', 'tenant']) }),
    personal: z.never(),
  },
  /** The stored bytes were not those that were uploaded, and are again, from a copy. */
  'original.repaired': {
    data: z.strictObject({ originalId: z.string(), damage: z.enum(['missing', 'damaged']) }),
    personal: z.never(),
  },
  /** The stored bytes were not those that were made: it is pending, and is made again. */
  'rendition.lost': {
    data: z.strictObject({
      renditionId: z.string(),
      transformation: z.string(),
      damage: z.enum(['missing', 'damaged']),
    }),
    personal: z.never(),
  },
  'rendition.ready': {
    data: z.strictObject({
      renditionId: z.string(),
      /** The preset that the transformation belongs to, if any. */
      preset: z.string().optional(),
      transformation: z.string(),
      format: z.string(),
      width: z.int().positive(),
      height: z.int().positive(),
      bytes: z.int().positive(),
      renderMs: z.number().nonnegative(),
    }),
    personal: z.never(),
  },
  'rendition.failed': {
    data: z.strictObject({
      renditionId: z.string(),
      /** The preset that the transformation belongs to, if any. */
      preset: z.string().optional(),
      transformation: z.string(),
      cause: z.strictObject({ code: z.string(), message: z.string() }),
    }),
    personal: z.never(),
  },
  /** A large picture is kept in tiles at several sizes besides, since somebody asked for an area of it. */
  'pyramid.ready': {
    data: z.strictObject({
      originalId: z.string(),
      bytes: z.int().positive(),
      renderMs: z.number().nonnegative(),
    }),
    personal: z.never(),
  },
  'job.dead': {
    data: z.strictObject({
      jobId: z.string(),
      attempts: z.int().positive(),
      cause: z.strictObject({ code: z.string(), message: z.string() }),
    }),
    personal: z.never(),
  },
  'job.retried': {
    data: z.strictObject({ jobId: z.string() }),
    personal: z.never(),
  },
  'tenant.created': {
    data: z.strictObject({ slug: z.string() }),
    personal: z.never(),
  },
  'tenant.changed': {
    data: z.strictObject({
      /** What its URLs may ask for without a signature from now on. */
      unsignedUrls: z.enum(['presets', 'open']).optional(),
      /** Whether where its pictures were taken is kept from now on; what was kept went when it is not. */
      keepsLocation: z.boolean().optional(),
      /** What it serves through the IIIF Image API from now on. */
      iiif: z.enum(['off', 'tiles', 'open']).optional(),
    }),
    personal: z.never(),
  },
  'tenant.url_key_created': {
    data: z.strictObject({ keyId: z.string() }),
    personal: z.never(),
  },
  'tenant.url_key_retired': {
    data: z.strictObject({ keyId: z.string() }),
    personal: z.never(),
  },
  'key.created': {
    data: z.strictObject({
      keyId: z.string(),
      scopes: z.array(z.string()),
      /** ISO 8601 in UTC; null when the key does not expire. */
      expiresAt: z.string().nullable(),
    }),
    personal: z.never(),
  },
} as const satisfies Record<string, { data: z.ZodType; personal: z.ZodType }>;

export type EventType = keyof typeof EVENTS;
export type EventData<Type extends EventType> = z.infer<(typeof EVENTS)[Type]['data']>;
export type EventPersonal<Type extends EventType> = z.infer<(typeof EVENTS)[Type]['personal']>;
