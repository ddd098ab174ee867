import { z } from 'zod';
import { tenantSettingsPatchSchema } from './plans.ts';
import { PERSON_ROLES } from './scopes.ts';

/** Bytes that came to what the tenant has stored, or with a minus went from it; the meter adds up all events' alike. */
const storedBytes = z.int().optional();
/** Work that is charged, on one event of it only, however many tell of it. */
const charge = z
  .strictObject({
    cpuMs: z.number().nonnegative(),
    /** Of what was made, all frames. */
    pixels: z.int().nonnegative().optional(),
  })
  .optional();

const budgetStanding = {
  /** In UTC, such as `2026-11`. */
  month: z.string(),
  /** In millionths of the currency's unit, as all below. */
  meteredMicros: z.int(),
  reservedMicros: z.int(),
};

/** Where the request came from. */
const caller = z.strictObject({ address: z.string().optional() });

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
      /** Absent: public. */
      visibility: z.literal('private').optional(),
      /** Renditions that were asked for with the upload. */
      renditions: z.int().nonnegative(),
      storedBytes,
    }),
    /** A digest of bytes recognises a picture as surely as its name does. */
    personal: z.strictObject({
      filename: z.string().optional(),
      sha256: z.string().optional(),
      /** Where the upload came from. */
      address: z.string().optional(),
    }),
  },
  /** Who may see it, or its tags: those are its tenant's own words, and not told. */
  'image.changed': {
    data: z.strictObject({
      visibility: z.enum(['public', 'private']).optional(),
      tags: z.int().nonnegative().optional(),
    }),
    personal: caller,
  },
  /** Nothing of it is delivered; it can be brought back until it is erased. */
  'image.trashed': {
    data: z.strictObject({ originalId: z.string(), erasesAt: z.iso.datetime() }),
    personal: caller,
  },
  /** It is out of the trash, and its URLs answer as before. */
  'image.restored': {
    data: z.strictObject({ originalId: z.string() }),
    personal: caller,
  },
  'image.deleted': {
    data: z.strictObject({
      originalId: z.string(),
      /** False while another image shares the original. */
      originalDeleted: z.boolean(),
      renditions: z.int().nonnegative(),
      storedBytes,
    }),
    personal: caller,
  },
  /** Whoever holds the token may send a few images, soon; which images came of it, their own events tell. */
  'token.created': {
    data: z.strictObject({
      tokenId: z.string(),
      bytesMax: z.int().positive(),
      imagesMax: z.int().positive(),
      expiresAt: z.iso.datetime(),
    }),
    personal: caller,
  },
  /** Caches were told to drop what they hold of the image, or of the whole tenant, because somebody asked for it. */
  'delivery.purged': {
    data: z.strictObject({ scope: z.enum(['image', 'tenant']) }),
    personal: caller,
  },
  /** A host was claimed, proved or made the one that URLs begin with. */
  'domain.changed': {
    data: z.strictObject({ host: z.string(), proved: z.boolean(), isPrimary: z.boolean() }),
    personal: z.never(),
  },
  'domain.removed': { data: z.strictObject({ host: z.string() }), personal: z.never() },
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
      storedBytes,
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
      storedBytes,
      charge,
    }),
    personal: z.never(),
  },
  /** Objects that were kept are gone, without anybody's wish: what showed a deleted image, or could not be read. */
  'storage.dropped': {
    data: z.strictObject({ objects: z.int().positive(), storedBytes }),
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
      storedBytes,
      charge,
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
    personal: caller,
  },
  'tenant.changed': {
    data: z.strictObject({
      /** What its URLs may ask for without a signature from now on. */
      unsignedUrls: z.enum(['presets', 'open']).optional(),
      /** Whether where its pictures were taken is kept from now on; what was kept went when it is not. */
      keepsLocation: z.boolean().optional(),
      /** What it serves through the IIIF Image API from now on. */
      iiif: z.enum(['off', 'tiles', 'open']).optional(),
      /** The plan that it has from now on, or that has changed. */
      plan: z.string().optional(),
      planVersion: z.int().optional(),
      /** Those that were named, as they were given. */
      settings: tenantSettingsPatchSchema.optional(),
      /** What people call it has changed; not to what, for that may be a person's name. */
      displayName: z.boolean().optional(),
    }),
    personal: caller,
  },
  /** Its writes are refused and its jobs wait from here on. */
  'tenant.suspended': {
    data: z.strictObject({
      /** Whether what exists is still delivered. */
      delivers: z.boolean(),
    }),
    personal: caller,
  },
  'tenant.resumed': {
    data: z.strictObject({}),
    personal: caller,
  },
  /** Nothing is answered for it from here on, and what it has is being removed. */
  'tenant.deleting': {
    data: z.strictObject({}),
    personal: caller,
  },
  /** All that it had is gone. */
  'tenant.deleted': {
    data: z.strictObject({ storedBytes }),
    personal: z.never(),
  },
  /** From here on the name stands for this; images follow as they are made anew. */
  'preset.changed': {
    data: z.strictObject({
      name: z.string(),
      version: z.int().positive(),
      transformation: z.string(),
      onUpload: z.boolean(),
    }),
    personal: caller,
  },
  'preset.removed': {
    data: z.strictObject({ name: z.string(), version: z.int().positive() }),
    personal: caller,
  },
  'budget.changed': {
    data: z.strictObject({ softMicros: z.int().nullable(), hardMicros: z.int().nullable() }),
    personal: caller,
  },
  /** Once in a month: the alert. */
  'budget.soft_reached': {
    data: z.strictObject({ ...budgetStanding, softMicros: z.int() }),
    personal: z.never(),
  },
  /** Once in a month: from here on no work is begun that costs. */
  'budget.hard_reached': {
    data: z.strictObject({ ...budgetStanding, hardMicros: z.int() }),
    personal: z.never(),
  },
  'tenant.url_key_created': {
    data: z.strictObject({ keyId: z.string() }),
    personal: caller,
  },
  'tenant.url_key_retired': {
    data: z.strictObject({ keyId: z.string() }),
    personal: caller,
  },
  'key.created': {
    data: z.strictObject({
      keyId: z.string(),
      scopes: z.array(z.string()),
      /** ISO 8601 in UTC; null when the key does not expire. */
      expiresAt: z.string().nullable(),
    }),
    personal: caller,
  },
  /** It has a new secret; the one before opens until the time told. */
  'key.rotated': {
    data: z.strictObject({ keyId: z.string(), overlapSeconds: z.int().nonnegative() }),
    personal: caller,
  },
  'key.revoked': {
    data: z.strictObject({ keyId: z.string() }),
    personal: caller,
  },
  'person.invited': {
    data: z.strictObject({ invitationId: z.string(), role: z.enum(PERSON_ROLES) }),
    personal: caller,
  },
  'person.joined': {
    data: z.strictObject({ personId: z.string(), role: z.enum(PERSON_ROLES), by: z.enum(['invitation', 'oidc']) }),
    personal: caller,
  },
  'person.changed': {
    data: z.strictObject({ personId: z.string(), role: z.enum(PERSON_ROLES) }),
    personal: caller,
  },
  /** A person of the tenant, or an invitation to become one. */
  'person.removed': {
    data: z.strictObject({ personId: z.string() }),
    personal: caller,
  },
  'person.logged_in': {
    data: z.strictObject({ personId: z.string(), by: z.enum(['password', 'invitation', 'oidc']) }),
    personal: caller,
  },
  'person.password_changed': {
    data: z.strictObject({ personId: z.string() }),
    personal: caller,
  },
  'webhook.created': {
    data: z.strictObject({ webhookId: z.string() }),
    personal: caller,
  },
  'webhook.changed': {
    data: z.strictObject({ webhookId: z.string() }),
    personal: caller,
  },
  'webhook.secret_rotated': {
    data: z.strictObject({ webhookId: z.string() }),
    personal: caller,
  },
  'webhook.removed': {
    data: z.strictObject({ webhookId: z.string() }),
    personal: caller,
  },
  /** Somebody wants to see a message arrive; it goes to this webhook alone. */
  'webhook.tested': {
    data: z.strictObject({ webhookId: z.string() }),
    personal: caller,
  },
  /** It failed for too long, or its receiver said that it is gone. */
  'webhook.disabled': {
    data: z.strictObject({ webhookId: z.string(), cause: z.string() }),
    personal: z.never(),
  },
} as const satisfies Record<string, { data: z.ZodType; personal: z.ZodType }>;

export type EventType = keyof typeof EVENTS;
export type EventData<Type extends EventType> = z.infer<(typeof EVENTS)[Type]['data']>;
export type EventPersonal<Type extends EventType> = z.infer<(typeof EVENTS)[Type]['personal']>;

/** Whether an event of this type tells where the request came from. */
export function tellsAddress(type: EventType): boolean {
  const { personal } = EVENTS[type];
  return personal instanceof z.ZodObject && 'address' in personal.shape;
}
