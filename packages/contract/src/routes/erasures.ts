import { z } from 'zod';
import { KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

const PAGE_ERASURES_MAX = 200;

const amountSchema = z.object({ objects: z.int().nonnegative(), bytes: z.int().nonnegative() });

/** What was erased, as it is signed. No digest of a picture: that would recognise what is to be forgotten. */
export const receiptSchema = z
  .strictObject({
    version: z.literal(1),
    id: z.string(),
    tenantId: z.string(),
    scope: z.enum(['image', 'tenant']),
    imageId: z.string().optional(),
    actor: z.string().describe('Who asked for it: the id of a key or a person, `operator`, `trash` or `retention`.'),
    requestedAt: z.iso.datetime(),
    removedAt: z.iso.datetime().describe('When the object store had none of the objects any more.'),
    original: z
      .enum(['removed', 'kept_for_other_images'])
      .optional()
      .describe('Of an image: its bytes stay while another image of the tenant is made of the same.'),
    rows: z.record(z.string(), z.int().nonnegative()).describe('Rows of the database that were removed, by table.'),
    objects: z.record(z.string(), amountSchema).describe('Objects that were removed, by kind.'),
    objectKeys: z.array(z.string()).optional().describe('Of an image: what they were called.'),
    objectPrefix: z.string().optional().describe('Of a tenant: below this lay all of them.'),
    events: z
      .strictObject({
        positions: z.array(z.int()).optional().describe('Of an image: events whose personal fields were erased.'),
        erased: z.int().nonnegative().describe('How many events lost their personal fields.'),
      })
      .describe('Of the log, whose chain still holds.'),
    purged: z.array(z.string()).describe('Surrogate keys that caches in front are told to drop.'),
  })
  .meta({ id: 'ErasureReceiptBody' });

/** A receipt that proves itself: see `safelight erasure verify`. */
export const signedReceiptSchema = z
  .strictObject({
    receipt: receiptSchema,
    keyId: z.string().describe('The sealing key that signed.'),
    signature: z
      .string()
      .describe('Ed25519, in base64, of `safelight-erasure-1`, a line feed and `receipt` as JSON with sorted names.'),
  })
  .meta({ id: 'ErasureReceipt' });

const erasureSchema = z
  .object({
    id: z.string(),
    scope: z.enum(['image', 'tenant']),
    imageId: z.string().optional(),
    actor: z.string(),
    requestedAt: z.iso.datetime(),
    state: z.enum(['removing', 'signed']).describe('`removing`: there is no receipt yet.'),
  })
  .meta({ id: 'Erasure' });

export const listErasures = route({
  id: 'listErasures',
  method: 'GET',
  path: '/v1/erasures',
  summary: 'What was erased, the newest first.',
  scope: 'images:read',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_ERASURES_MAX).default(50),
    after: z.string().max(64).optional().describe('The cursor `next` of the page before.'),
  }),
  responses: {
    200: z
      .object({ erasures: z.array(erasureSchema), next: z.string().optional().describe('Cursor of the next page.') })
      .meta({ id: 'ErasurePage' }),
  },
  errors: [...KEY_ERRORS, 'request_invalid', 'database_unavailable'],
});

export const getErasure = route({
  id: 'getErasure',
  method: 'GET',
  path: '/v1/erasures/{id}',
  summary: 'The signed receipt of an erasure; 202 until everything is gone and it is signed, a second as a rule.',
  scope: 'images:read',
  params: z.object({ id: z.string().max(64) }),
  responses: { 200: signedReceiptSchema, 202: erasureSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'erasure_not_found', 'database_unavailable'],
});

export type Receipt = z.infer<typeof receiptSchema>;
export type SignedReceipt = z.infer<typeof signedReceiptSchema>;
export type Erasure = z.infer<typeof erasureSchema>;
export interface ErasurePage {
  readonly erasures: readonly Erasure[];
  readonly next?: string | undefined;
}
