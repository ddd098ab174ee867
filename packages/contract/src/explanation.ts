import { z } from 'zod';

const pixels = { width: z.int(), height: z.int() };

/** What a rendition takes: how it would be made, what that was predicted to cost, and what it did cost. */
export const explanationSchema = z
  .object({
    transformation: z.string().describe('In canonical form.'),
    version: z.string().describe('The `v` of its URL.'),
    source: z.object({ format: z.string(), ...pixels, frames: z.int(), bytes: z.int() }),
    plan: z
      .object({
        from: z
          .enum(['original', 'pyramid'])
          .describe('What is decoded: the original, or its pyramid of tiles, which is made first where there is none.'),
        decoded: z.object(pixels).describe('Pixels of one frame to which the source is brought first.'),
        format: z.string(),
        ...pixels,
        quality: z.union([z.int(), z.literal('auto')]).optional(),
        frames: z.int(),
        sizeIsKnown: z.boolean().describe('False where only the pixels tell, as with `trim`.'),
      })
      .optional()
      .describe('Absent when it cannot be made.'),
    predicted: z
      .object({
        cpuMs: z.number(),
        decodeCpuMs: z.number(),
        memoryBytes: z.int().describe('Of the worker process, what it needs idle included.'),
        deadlineMs: z.int().describe('After which its worker is killed.'),
      })
      .optional(),
    cause: z.object({ code: z.string(), message: z.string() }).optional().describe('Why it cannot be made.'),
    real: z
      .object({
        state: z.enum(['pending', 'ready', 'failed']),
        cpuMs: z.int().optional(),
        format: z.string().optional(),
        width: z.int().optional(),
        height: z.int().optional(),
        bytes: z.int().optional(),
        cause: z.object({ code: z.string(), message: z.string() }).optional(),
      })
      .optional()
      .describe('Absent while nobody has asked for it.'),
  })
  .meta({ id: 'Explanation' });

export type Explanation = z.infer<typeof explanationSchema>;
