import { z } from 'zod';
import { ERRORS, type ErrorCode } from './errors.ts';

const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];
const NAME_CHARACTERS_MAX = 255;
export const TAGS_MAX = 32;
export const TAG_CHARACTERS_MAX = 64;
export const PAGE_SIZE_MAX = 200;

/** RFC 9457, with the catalogue's code and the bound that was crossed. */
export const problemSchema = z
  .object({
    type: z.string().describe('A URI that names the kind of problem.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional().describe('What happened this time, for people.'),
    code: z.enum(ERROR_CODES).describe('The stable name of the error: decide by this.'),
    requestId: z.string().optional(),
    bound: z
      .object({ name: z.string(), limit: z.number(), actual: z.number().optional() })
      .optional()
      .describe('The bound that was crossed.'),
    cause: z.object({ code: z.string(), message: z.string() }).optional(),
    parameters: z
      .array(z.object({ parameter: z.string(), allowed: z.string() }))
      .optional()
      .describe('Parameters of the URL that are wrong, and what would have been accepted.'),
  })
  .meta({ id: 'Problem' });

export const RENDITION_STATES = ['pending', 'ready', 'failed'] as const;

export const renditionSchema = z
  .object({
    id: z.string(),
    preset: z.string().optional().describe('The preset that this rendition belongs to, if any.'),
    transformation: z.string().describe('In canonical form.'),
    state: z.enum(RENDITION_STATES),
    url: z.url(),
    format: z.string().optional(),
    width: z.int().optional(),
    height: z.int().optional(),
    bytes: z.int().optional(),
    renderMs: z.int().optional(),
    cause: z.object({ code: z.string(), message: z.string() }).optional(),
  })
  .meta({ id: 'Rendition' });

const colourSchema = z.string().regex(/^#[0-9a-f]{6}$/);

/** What the header of the original tells of how it was taken; each field is there if the camera wrote it. */
export const exifSchema = z
  .object({
    make: z.string().optional().describe('Of the camera.'),
    model: z.string().optional(),
    lens: z.string().optional(),
    takenAt: z.iso
      .datetime({ local: true, offset: true })
      .optional()
      .describe('By the clock of the camera; with an offset only when the camera wrote one.'),
    exposureSeconds: z.number().positive().optional(),
    fNumber: z.number().positive().optional().describe('2.8 for f/2.8.'),
    iso: z.int().positive().optional(),
    focalLengthMm: z.number().positive().optional(),
    focalLength35Mm: z.int().positive().optional().describe('With the same angle of view on 36 × 24 mm.'),
    flashFired: z.boolean().optional(),
    location: z
      .object({
        latitude: z.number().min(-90).max(90).describe('Degrees, WGS 84; north is positive.'),
        longitude: z.number().min(-180).max(180).describe('Degrees; east is positive.'),
        altitudeMetres: z.number().optional().describe('Above sea level.'),
      })
      .optional()
      .describe('Only if the tenant keeps it (`safelight tenant set`), and never in the answer to an upload.'),
  })
  .meta({ id: 'Exif' });

export const VISIBILITIES = ['public', 'private'] as const;
export const visibilitySchema = z.enum(VISIBILITIES);

export const imageSchema = z
  .object({
    id: z.string(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('Of the original bytes, hexadecimal.'),
    filename: z.string().max(NAME_CHARACTERS_MAX).optional(),
    bytes: z.int().describe('Length of the original.'),
    format: z.string(),
    width: z.int().describe('Pixels, EXIF orientation applied.'),
    height: z.int(),
    frames: z.int(),
    orientation: z.int().min(1).max(8).optional().describe('EXIF orientation of the stored file.'),
    animation: z
      .object({
        frames: z.int().min(2),
        durationMs: z.int().min(0).describe('Sum of the delays of the frames, as stored.'),
        loop: z.int().min(0).describe('How often it plays; 0 for ever.'),
      })
      .optional()
      .describe('Absent for a still picture.'),
    exif: exifSchema.optional(),
    colours: z
      .object({
        dominant: colourSchema.describe('The colour that most of the picture has.'),
        palette: z.array(colourSchema).min(1).max(6).describe('Most of the picture first; begins with `dominant`.'),
      })
      .optional()
      .describe('Like everything from pixels, absent until the first rendition is ready.'),
    placeholders: z
      .object({
        thumbhash: z.string().describe('Base64; made for showing, with its transparency, before the picture is there.'),
        blurhash: z.string().describe('The same on white, for readers of BlurHash.'),
      })
      .optional(),
    perceptualHash: z
      .string()
      .regex(/^[0-9a-f]{16}$/)
      .optional()
      .describe('64 bits (pHash): pictures that look alike differ in few of them.'),
    opaque: z.boolean().optional().describe('No pixel can be seen through.'),
    state: z
      .enum([...RENDITION_STATES, 'trashed'])
      .describe(
        '`pending` while a rendition is; `failed` when one failed; else `ready`. `trashed`: its URLs answer 410.',
      ),
    trashedAt: z.iso.datetime().optional().describe('Of one in the trash.'),
    erasesAt: z.iso.datetime().optional().describe('Until then it can be brought back.'),
    visibility: visibilitySchema.describe('`private`: every delivery takes a signature that ends, or a token.'),
    tags: z.array(z.string()),
    createdAt: z.iso.datetime(),
    urls: z
      .record(z.string(), z.url())
      .describe('Preset to absolute URL; every one works at once, those of a private image for an hour.'),
    renditions: z.array(renditionSchema),
  })
  .meta({ id: 'Image' });

export const imagePageSchema = z
  .object({ images: z.array(imageSchema), next: z.string().optional().describe('Cursor of the next page.') })
  .meta({ id: 'ImagePage' });

/** The answer to the exercise's own upload. */
export const uploadUrlsSchema = z
  .object({ original: z.url(), small: z.url(), medium: z.url(), large: z.url() })
  .meta({ id: 'UploadUrls' });

/** What a deletion removed, at once or with the janitor's next sweep. */
export const deletionSchema = z
  .object({
    id: z.string(),
    deletedAt: z.iso.datetime(),
    originalRemoved: z.boolean().describe('False while another image of the tenant has the same bytes.'),
    renditionsRemoved: z.int(),
    erasesAt: z.iso.datetime().optional().describe('It is in the trash, and can be brought back until then.'),
    erasure: z.string().optional().describe('What was erased has a receipt under this id: `GET /v1/erasures/{id}`.'),
  })
  .meta({ id: 'Deletion' });

export const tagSchema = z
  .string()
  .trim()
  .min(1)
  .max(TAG_CHARACTERS_MAX)
  .refine((tag) => !tag.includes('\0'), 'must not contain NUL, which PostgreSQL cannot store');

export type Problem = z.infer<typeof problemSchema>;
export type Visibility = (typeof VISIBILITIES)[number];
export type Exif = z.infer<typeof exifSchema>;
export type Rendition = z.infer<typeof renditionSchema>;
export type RenditionState = (typeof RENDITION_STATES)[number];
export type Image = z.infer<typeof imageSchema>;
export type ImagePage = z.infer<typeof imagePageSchema>;
export type UploadUrls = z.infer<typeof uploadUrlsSchema>;
export type Deletion = z.infer<typeof deletionSchema>;
