import { z } from 'zod';
import { HEADER_TEXT_CHARACTERS_MAX } from './header-bounds.ts';

/** A date and time as cameras write it, with the zone only when the camera knew it. */
const TAKEN_AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d)?$/;

const text = z
  .string()
  .min(1)
  .max(HEADER_TEXT_CHARACTERS_MAX)
  // What PostgreSQL cannot store would fail the upload.
  .refine((said) => said.isWellFormed() && !said.includes('\0'));
const positive = z.number().positive();

const exifSchema = z.object({
  make: text.optional(),
  model: text.optional(),
  lens: text.optional(),
  takenAt: z.string().regex(TAKEN_AT).optional(),
  exposureSeconds: positive.optional(),
  /** Focal length over aperture: 2.8 for f/2.8. */
  fNumber: positive.optional(),
  iso: z.int().positive().optional(),
  focalLengthMm: positive.optional(),
  /** On a camera of 36 × 24 mm, with the same angle of view. */
  focalLength35Mm: z.int().positive().optional(),
  flashFired: z.boolean().optional(),
});

const locationSchema = z.object({
  /** Degrees, WGS 84; north and east are positive. */
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  /** Metres above sea level. */
  altitudeMetres: z.number().optional(),
});

/** What an original's header tells for people; no plan or prediction depends on it. */
export const headerFactsSchema = z.object({
  animation: z
    .object({
      frames: z.int().min(2),
      /** Sum of the frames' delays, as stored. */
      durationMs: z.int().min(0),
      /** How often it plays; 0 for ever. */
      loop: z.int().min(0),
    })
    .optional(),
  exif: exifSchema.optional(),
  location: locationSchema.optional(),
});

export type HeaderFacts = Readonly<z.infer<typeof headerFactsSchema>>;
export type ExifFacts = Readonly<z.infer<typeof exifSchema>>;
export type Location = Readonly<z.infer<typeof locationSchema>>;
