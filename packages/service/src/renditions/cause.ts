import { z } from 'zod';

const CAUSE_CODES = [
  'decode_failed',
  'encode_failed',
  'unsafe_svg',
  'output_too_large',
  'rect_outside',
  'page_missing',
  'mark_not_found',
  'mark_too_large',
  'mark_failed',
  'out_of_space',
] as const;

export const causeSchema = z.object({ code: z.enum(CAUSE_CODES), message: z.string().max(1_000) });

/** Why an output was not made, in words that a person can act on. */
export type Cause = Readonly<z.infer<typeof causeSchema>>;
