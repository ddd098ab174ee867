import { z } from 'zod';
import { headerFactsSchema } from './header.ts';

/** Formats that are decoded. */
const SOURCE_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'avif', 'heic', 'tiff', 'svg'] as const;
export type SourceFormat = (typeof SOURCE_FORMATS)[number];

/** Formats that are written. */
export const RENDERED_FORMATS = ['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const;
export type RenderedFormat = (typeof RENDERED_FORMATS)[number];

const count = z.int().min(1);

export const sourceFactsSchema = z.object({
  format: z.enum(SOURCE_FORMATS),
  /** Length of the file. */
  bytes: count,
  /** Pixels, after the EXIF orientation. */
  width: count,
  height: count,
  /** Of an animation, or pages of a TIFF; 1 for a still picture. */
  frames: count,
  /** EXIF orientation 1 to 8; 5 to 8 swap width and height of what is stored. */
  orientation: z.int().min(1).max(8),
  hasAlpha: z.boolean(),
  /** libvips' word for what is stored: srgb, rgb16, b-w, grey16, cmyk, … */
  space: z.string().max(32),
  /** libvips' word for a sample's type: uchar, ushort, … */
  depth: z.string().max(32),
  /** An embedded ICC profile, which costs a conversion. */
  hasProfile: z.boolean(),
  /** Progressive JPEG or interlaced PNG: decoded from whole-picture memory. */
  progressive: z.boolean(),
  /** Stored as indices into a palette. */
  palette: z.boolean(),
  /** Absent where the header tells nothing of it, and for originals that were probed before this was read. */
  header: headerFactsSchema.optional(),
});

/** What the header of an original tells; what plans and predictions are made of. */
export type SourceFacts = Readonly<z.infer<typeof sourceFactsSchema>>;
