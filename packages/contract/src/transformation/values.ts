import { z } from 'zod';

/** How one kind of value is read from a URL, written in canonical form, and told to whom got it wrong. */
export interface ValueKind<Value> {
  readonly schema: z.ZodType<Value, string>;
  /** What is accepted, in words: an answer to bad input names it. */
  readonly allowed: string;
  /** The one text of a value. */
  readonly write: (value: Value) => string;
}

/** An area of the source as it is shown, in pixels from its upper left corner. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Width by height, without a common divisor. */
export interface Ratio {
  readonly width: number;
  readonly height: number;
}

/** Which part a crop keeps: a side or corner, what is most detailed, what draws the eye, or a point that was named. */
export type Crop = Side | `${'top' | 'bottom'},${'left' | 'right'}` | 'entropy' | 'edges' | 'focalpoint';
type Side = 'top' | 'bottom' | 'left' | 'right';

/** A whole number, written without a sign, point or exponent. */
export function whole(least: number, most: number, unit = ''): ValueKind<number> {
  return {
    schema: z
      .string()
      .regex(/^\d{1,6}$/)
      .transform(Number)
      .pipe(z.number().min(least).max(most)),
    allowed: `a whole number${unit && ` of ${unit}`} from ${least} to ${most}`,
    write: String,
  };
}

/** A whole number that may be negative. */
export function signed(most: number): ValueKind<number> {
  return {
    schema: z
      .string()
      .regex(/^-?\d{1,4}$/)
      // `-0` is 0.
      .transform((text) => Number(text) || 0)
      .pipe(z.number().min(-most).max(most)),
    allowed: `a whole number from -${most} to ${most}`,
    write: String,
  };
}

/** A decimal of at most three places. */
export function decimal(least: number, most: number): ValueKind<number> {
  return {
    schema: z
      .string()
      .regex(/^\d{1,5}(\.\d{1,3})?$/)
      .transform(Number)
      .pipe(z.number().min(least).max(most)),
    allowed: `a number from ${least} to ${most} with at most three decimals`,
    write: String,
  };
}

export function oneOf<const Name extends string>(names: readonly [Name, ...Name[]]): ValueKind<Name> {
  return { schema: z.enum(names), allowed: names.length > 1 ? `one of ${names.join(', ')}` : names[0], write: String };
}

/** Either a word, or what `kind` takes. */
export function wordOr<const Word extends string, Value>(word: Word, kind: ValueKind<Value>): ValueKind<Word | Value> {
  return {
    schema: z.union([z.literal(word), kind.schema]) as z.ZodType<Word | Value, string>,
    allowed: `${word}, or ${kind.allowed}`,
    write: (value) => (value === word ? word : kind.write(value as Value)),
  };
}

/** A switch: there is no off, which is to leave it out. */
export const flag: ValueKind<true> = {
  schema: z.enum(['true', '1']).transform(() => true as const),
  allowed: 'true',
  write: () => 'true',
};

/**
 * Hexadecimal: RGB or RRGGBB, or with the opacity first ARGB or AARRGGBB. Read as eight digits in lower case, written
 * as six where it is opaque.
 */
export const colour: ValueKind<string> = {
  schema: z
    .string()
    .regex(/^([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i)
    .transform(eightDigits),
  allowed: 'a hexadecimal colour: RGB, ARGB, RRGGBB or AARRGGBB',
  // Who builds a transformation by hand writes colours as in a URL.
  write: (value) => {
    const digits = eightDigits(value);
    return digits.startsWith('ff') ? digits.slice(2) : digits;
  },
};

/** Whether a colour is so transparent that nothing of it is seen. */
export function isClear(value: string): boolean {
  return eightDigits(value).startsWith('00');
}

function eightDigits(text: string): string {
  const digits = text.length <= 4 ? text.replaceAll(/./g, '$&$&') : text;
  return digits.padStart(8, 'f').toLowerCase();
}

const RATIO_PART_MAX = 1_000;

export const ratio: ValueKind<Ratio> = {
  schema: z
    .string()
    .regex(/^\d{1,4}(\.\d{1,3})?:\d{1,4}(\.\d{1,3})?$/)
    .transform((text) => {
      // In thousandths both are whole, and can be reduced.
      const [width = 0, height = 0] = text.split(':').map((part) => Math.round(Number(part) * 1_000));
      const divisor = greatestDivisor(width, height) || 1;
      return { width: width / divisor, height: height / divisor };
    })
    .refine(
      ({ width, height }) =>
        width > 0 && height > 0 && width <= RATIO_PART_MAX * height && height <= RATIO_PART_MAX * width,
    ),
  allowed: `two numbers such as 16:9 or 1.91:1, neither more than ${RATIO_PART_MAX} times the other`,
  write: ({ width, height }) =>
    width > 9_999 || height > 9_999 ? `${width / 1_000}:${height / 1_000}` : `${width}:${height}`,
};

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** Longest side of a source: encoders of JPEG and PNG in the field stop there. */
const SOURCE_SIDE_MAX = 65_535;

/** Left, upper edge, width and height. */
export const rect: ValueKind<Rect> = {
  schema: z
    .string()
    .regex(/^\d{1,5}(,\d{1,5}){3}$/)
    .transform((text) => {
      const [x = 0, y = 0, width = 0, height = 0] = text.split(',').map(Number);
      return { x, y, width, height };
    })
    .refine(({ x, y, width, height }) => x < SOURCE_SIDE_MAX && y < SOURCE_SIDE_MAX && within(width) && within(height)),
  allowed: `left,top,width,height in pixels of the source as it is shown, left and top from 0 to ${SOURCE_SIDE_MAX - 1}, width and height from 1 to ${SOURCE_SIDE_MAX}`,
  write: ({ x, y, width, height }) => `${x},${y},${width},${height}`,
};

function within(side: number): boolean {
  return side >= 1 && side <= SOURCE_SIDE_MAX;
}

const VERTICAL = ['top', 'bottom'] as const;
const HORIZONTAL = ['left', 'right'] as const;
const WAYS = ['entropy', 'edges', 'focalpoint'] as const;

export const crop: ValueKind<Crop> = {
  schema: z
    .string()
    .max(32)
    .transform((text, context) => {
      const words = text.split(',');
      const way = WAYS.find((name) => name === words[0]);
      if (way && words.length === 1) return way;
      const vertical = VERTICAL.filter((name) => words.includes(name));
      const horizontal = HORIZONTAL.filter((name) => words.includes(name));
      const named = [...vertical, ...horizontal];
      if (vertical.length > 1 || horizontal.length > 1 || named.length === 0 || named.length !== words.length) {
        context.addIssue({ code: 'custom' });
        return z.NEVER;
      }
      return named.join(',') as Crop;
    }),
  allowed: 'top or bottom and left or right, such as top or top,left; or one of entropy, edges, focalpoint',
  write: String,
};

/** What a renderer of text cannot show in one line: controls, breaks, halves of characters, places that hold none. */
const UNSHOWABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/u;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** Text for people, in Unicode's composed form. */
export function line(charactersMax: number): ValueKind<string> {
  return {
    schema: z
      .string()
      // What composes is longer before, and some texts are longer afterwards: that is what counts.
      .max(8 * charactersMax)
      .refine((text) => !UNSHOWABLE.test(text) && VISIBLE.test(text))
      .transform((text) => text.normalize('NFC'))
      .refine((text) => [...text].length <= charactersMax),
    allowed: `a line of 1 to ${charactersMax} characters without control characters, one of them visible`,
    write: String,
  };
}

/** The id of another image of the same tenant. */
export const imageId: ValueKind<string> = {
  schema: z.string().regex(/^img_[0-9a-hjkmnp-tv-z]{26}$/),
  allowed: 'the id of an image of the same tenant',
  write: String,
};
