import type { Metadata, SharpOptions } from 'sharp';
import { type BoundCrossed, type BoundName, type Bounds, boundCrossed } from '../bounds.ts';
import type { HeaderFacts } from '../header.ts';
import type { ProbeTask, Rejection, RejectionCode } from '../protocol.ts';
import type { SourceFacts, SourceFormat } from '../source.ts';
import { ByteSource } from './bytes.ts';
import { plainMessage } from './causes.ts';
import { inspectContainer } from './container.ts';
import type { Decoder } from './decoder.ts';
import { readExif } from './exif.ts';
import { recognise, SIGNATURE_BYTES } from './signature.ts';
import { svgDanger } from './svg.ts';

export type Probed = { readonly facts: SourceFacts } | { readonly rejection: Rejection };

const ACCEPTED = 'JPEG, PNG, WebP, GIF, AVIF, TIFF or SVG';

/**
 * What a file is, from its first bytes, its header and its container's structure: nothing is decoded. Refuses what is
 * no picture, is cut off, crosses a bound or cannot be decoded here. Costs about a millisecond.
 */
export async function probe(decoder: Decoder, path: string, { bounds }: ProbeTask): Promise<Probed> {
  const source = await ByteSource.open(path);
  try {
    const format = recogniseFormat(await source.read(0, SIGNATURE_BYTES), decoder);
    if (typeof format !== 'string') return format;
    const input = format === 'svg' ? await readSvg(source, bounds) : path;
    if (typeof input === 'object' && 'rejection' in input) return input;
    const container = await inspectContainer(format, source);
    const early = crossed({ width: 1, height: 1, frames: container.frames ?? 1, ...container.stored }, bounds);
    if (early) return early;
    if (container.fault) return reject(container.fault.code, container.fault.message);
    return await readHeader(decoder, input, { format, bytes: source.size }, bounds);
  } finally {
    await source.close();
  }
}

/** The bytes of an SVG that may be rasterised. */
async function readSvg(source: ByteSource, bounds: Bounds): Promise<Buffer | { readonly rejection: Rejection }> {
  if (source.size > bounds.svgBytesMax) {
    return rejectBound({ name: 'svgBytesMax', limit: bounds.svgBytesMax, actual: source.size });
  }
  const bytes = await source.read(0, source.size);
  const danger = svgDanger(bytes);
  return danger === undefined ? bytes : reject('unsafe_svg', `the SVG is not rasterised: ${danger}`);
}

function recogniseFormat(head: Buffer, decoder: Decoder): SourceFormat | { readonly rejection: Rejection } {
  if (head.length === 0) return reject('not_an_image', 'the file is empty');
  const recognised = recognise(head);
  if (!recognised) return reject('not_an_image', `the file is not a picture by its content; send ${ACCEPTED}`);
  if (recognised.kind === 'known') {
    const code = recognised.picture ? 'unsupported_format' : 'not_an_image';
    return reject(code, `the file is ${recognised.name} by its content; send ${ACCEPTED}`);
  }
  if (recognised.format === 'heic' && !decoder.readsHeic) {
    return reject('unsupported_format', `HEIC cannot be decoded here: the codec (HEVC) is missing; send ${ACCEPTED}`);
  }
  return recognised.format;
}

async function readHeader(decoder: Decoder, input: string | Buffer, file: FileFacts, bounds: Bounds): Promise<Probed> {
  // The bounds are held below, with their figures; the library would only say that one was crossed.
  const options: SharpOptions = { limitInputPixels: false, sequentialRead: true, failOn: 'error' };
  let metadata: Metadata;
  try {
    metadata = await decoder.open(input, options).metadata();
  } catch (error) {
    return reject('corrupt_header', `the ${file.format.toUpperCase()} header cannot be read: ${plainMessage(error)}`);
  }
  const facts = factsOf(file, metadata);
  return crossed(facts, bounds, facts.format === 'tiff') ?? { facts };
}

/** Formats of several frames or pages. */
const PAGED: ReadonlySet<SourceFormat> = new Set(['gif', 'webp', 'tiff']);

type FileFacts = Pick<SourceFacts, 'format' | 'bytes'>;

function factsOf({ format, bytes }: FileFacts, metadata: Metadata): SourceFacts {
  const frames = PAGED.has(format) ? (metadata.pages ?? 1) : 1;
  const orientation = frames > 1 && format !== 'tiff' ? 1 : (metadata.orientation ?? 1);
  const header = headerFacts(metadata, frames);
  return {
    format,
    bytes,
    ...(orientation > 4
      ? { width: metadata.height, height: metadata.width }
      : { width: metadata.width, height: metadata.height }),
    frames,
    orientation: orientation >= 1 && orientation <= 8 ? orientation : 1,
    hasAlpha: metadata.hasAlpha,
    space: metadata.space,
    depth: metadata.depth,
    hasProfile: metadata.hasProfile,
    progressive: metadata.isProgressive,
    palette: metadata.isPalette,
    ...(header && { header }),
  };
}

function headerFacts({ format, delay, loop, exif }: Metadata, frames: number): HeaderFacts | undefined {
  const durationMs = Math.round((delay ?? []).reduce((sum, each) => sum + Math.max(0, each), 0));
  const facts: HeaderFacts = {
    ...(frames > 1 && format !== 'tiff' && { animation: { frames, durationMs, loop: Math.max(0, loop ?? 0) } }),
    ...(exif && readExif(exif)),
  };
  return Object.keys(facts).length === 0 ? undefined : facts;
}

const BOUND_CODES: Readonly<Record<BoundName, RejectionCode>> = {
  pixelsMax: 'too_many_pixels',
  framesMax: 'too_many_frames',
  sideMax: 'side_too_long',
  svgBytesMax: 'svg_too_long',
};

const BOUND_WORDS: Readonly<Record<BoundName, (actual: number, limit: number) => string>> = {
  pixelsMax: (actual, limit) => `the picture has ${actual} pixels over all frames, more than the ${limit} allowed`,
  framesMax: (actual, limit) => `the picture has ${actual} frames, more than the ${limit} allowed`,
  sideMax: (actual, limit) => `the picture is ${actual} pixels on its longer side, more than the ${limit} allowed`,
  svgBytesMax: (actual, limit) => `the SVG is ${actual} bytes long, more than the ${limit} allowed`,
};

/** @param isPaged whether one page at a time is decoded, so that their pixels do not add up */
function crossed(facts: Parameters<typeof boundCrossed>[0], bounds: Bounds, isPaged = false) {
  const bound = isPaged
    ? (boundCrossed({ ...facts, frames: 1 }, bounds) ??
      boundCrossed({ width: 1, height: 1, frames: facts.frames }, bounds))
    : boundCrossed(facts, bounds);
  return bound && rejectBound(bound);
}

function rejectBound(bound: BoundCrossed): { readonly rejection: Rejection } {
  const message = BOUND_WORDS[bound.name](bound.actual, bound.limit);
  return { rejection: { code: BOUND_CODES[bound.name], message, bound } };
}

function reject(code: RejectionCode, message: string): { readonly rejection: Rejection } {
  return { rejection: { code, message } };
}
