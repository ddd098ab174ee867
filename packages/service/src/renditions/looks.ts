import { z } from 'zod';

const colour = z.string().regex(/^#[0-9a-f]{6}$/);

/** What an original looks like, from its pixels; anything that shows it before it is loaded is made of this. */
export const looksSchema = z.object({
  /** Most of the picture first; absent when nothing of it can be seen. */
  palette: z.array(colour).max(6),
  /** Base64 of the 5 to 25 bytes. */
  thumbhash: z.base64().min(8).max(40),
  blurhash: z
    .string()
    .max(64)
    .regex(/^[0-9A-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{6,}$/),
  /** 64 bits, hexadecimal: pictures that look alike differ in few of them. */
  perceptualHash: z.string().regex(/^[0-9a-f]{16}$/),
  /** No pixel can be seen through. */
  opaque: z.boolean(),
});

export type Looks = Readonly<z.infer<typeof looksSchema>>;

/** As it is stored; all null where nobody has looked yet. */
export interface LooksRow {
  readonly palette: string[] | null;
  readonly thumbhash: Uint8Array | null;
  readonly blurhash: string | null;
  readonly perceptual_hash: Uint8Array | null;
  readonly opaque: boolean | null;
}

/** Columns of {@link LooksRow}, of a table that goes by `alias`. */
export function looksColumns(alias: string): string {
  return LOOKS_COLUMNS.map((column) => `${alias}.${column}`).join(', ');
}

const LOOKS_COLUMNS = [
  'palette',
  'thumbhash',
  'blurhash',
  'perceptual_hash',
  'opaque',
] as const satisfies readonly (keyof LooksRow)[];

export function toLooks({ palette, thumbhash, blurhash, perceptual_hash, opaque }: LooksRow): Looks | undefined {
  if (!palette || !thumbhash || blurhash === null || !perceptual_hash || opaque === null) return undefined;
  return {
    palette,
    thumbhash: Buffer.from(thumbhash).toString('base64'),
    blurhash,
    perceptualHash: Buffer.from(perceptual_hash).toString('hex'),
    opaque,
  };
}
