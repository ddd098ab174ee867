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
    state: z.enum(RENDITION_STATES).describe('`pending` while a rendition is; `failed` when one failed; else `ready`.'),
    tags: z.array(z.string()),
    createdAt: z.iso.datetime(),
    urls: z.record(z.string(), z.url()).describe('Preset to absolute URL; every one works at once.'),
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
  })
  .meta({ id: 'Deletion' });

export const tagSchema = z
  .string()
  .trim()
  .min(1)
  .max(TAG_CHARACTERS_MAX)
  .refine((tag) => !tag.includes('\0'), 'must not contain NUL, which PostgreSQL cannot store');

export type Problem = z.infer<typeof problemSchema>;
export type Rendition = z.infer<typeof renditionSchema>;
export type RenditionState = (typeof RENDITION_STATES)[number];
export type Image = z.infer<typeof imageSchema>;
export type ImagePage = z.infer<typeof imagePageSchema>;
export type UploadUrls = z.infer<typeof uploadUrlsSchema>;
export type Deletion = z.infer<typeof deletionSchema>;
