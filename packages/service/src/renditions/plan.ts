import { type OutputFormat, qualityOf, resolveTransformation, type Transformation } from '@safelight/contract';
import { type Arrangement, arrange, type OutputRequest, type PlannedFailure, type PlannedOutput } from './arrange.ts';
import { type Base, type BaseRequest, baseOf, isSizeUnknown } from './base.ts';
import { isTurned, type Size, swapped } from './geometry.ts';
import { layOut } from './layout.ts';
import { isServedByPyramid } from './pyramid.ts';
import type { RenderedFormat, SourceFacts, SourceFormat } from './source.ts';

export type { Arrangement, Picture, PlannedOutput } from './arrange.ts';
export type { Size } from './geometry.ts';

/** The planner: what is decoded, which pictures are made of it, and what cannot be made. Pure. */
export interface RenderPlan {
  /** Known without decoding anything. */
  readonly failures: readonly PlannedFailure[];
  /** One decode each. */
  readonly bases: readonly PlannedBase[];
}

export interface PlannedBase {
  readonly base: Base;
  /** Whether all frames are decoded; else one alone. */
  readonly animated: boolean;
  /** As if nothing was trimmed and all pages had the size of the first, where that is not known. */
  readonly arrangement: Arrangement;
  /** Where the size is known only from the pixels: what is to be arranged then. */
  readonly later: readonly OutputRequest[] | undefined;
}

const RENDERED: Readonly<Record<OutputFormat, RenderedFormat>> = {
  jpg: 'jpeg',
  png: 'png',
  webp: 'webp',
  avif: 'avif',
  gif: 'gif',
  tiff: 'tiff',
};

/** Where a browser shows the format. */
const OUTPUT_OF_SOURCE: Readonly<Partial<Record<SourceFormat, OutputFormat>>> = {
  jpeg: 'jpg',
  png: 'png',
  webp: 'webp',
  avif: 'avif',
  gif: 'gif',
};

/** Formats that carry more than one frame here, as source and as output. */
const ANIMATED: ReadonlySet<string> = new Set(['gif', 'webp']);
const LOSSLESS: ReadonlySet<string> = new Set(['webp', 'avif']);
const SUBSAMPLED: ReadonlySet<string> = new Set(['jpeg', 'avif']);
/** Formats that know a quality. */
const SEARCHED: ReadonlySet<string> = new Set(['jpeg', 'webp', 'avif']);
/** What a Display P3 profile can be kept of: colours of three channels. */
const WIDE_SPACES: ReadonlySet<string> = new Set(['srgb', 'rgb16']);

/**
 * The plan for all `transformations` of one source. At least one is asked for.
 * @param hasPyramid whether what the source's pyramid serves is made of that
 * @param effort of AVIF's encoder, where nobody waits
 */
export function planRender(
  source: SourceFacts,
  transformations: readonly Transformation[],
  hasPyramid = false,
  effort?: number | undefined,
): RenderPlan {
  const failures: PlannedFailure[] = [];
  const groups = new Map<string, { base: Base; requests: OutputRequest[] }>();
  for (const [index, asked] of transformations.entries()) {
    const transformation = resolveTransformation(asked);
    const output = plannedOutput(index, source, transformation, effort);
    const request = baseRequest(source, transformation, output);
    const found = baseOf(request, { stored: storedSize(source), orientation: source.orientation });
    if ((transformation.page ?? 1) > source.frames) failures.push({ index, cause: pageMissing(source) });
    else if ('cause' in found) failures.push({ index, cause: found.cause });
    else {
      const base = hasPyramid ? readFrom(source, found.base, { transformation, output }) : found.base;
      const key = JSON.stringify(base);
      const group = groups.get(key) ?? { base, requests: [] };
      group.requests.push({ transformation, output });
      groups.set(key, group);
    }
  }
  const bases = [...groups.values()].map(({ base, requests }) => planBase(source, base, requests));
  const known = bases.flatMap(({ arrangement, later }) => (later ? [] : arrangement.failures));
  return {
    failures: [...failures, ...known],
    bases: bases.filter(({ arrangement, later }) => later || arrangement.pictures.length > 0),
  };
}

function readFrom(source: SourceFacts, base: Base, { transformation, output }: OutputRequest): Base {
  const { scaled } = layOut(base.size, transformation, { isVector: false });
  return isServedByPyramid(source, base, output, scaled) ? { ...base, fromPyramid: true } : base;
}

function planBase(source: SourceFacts, base: Base, requests: readonly OutputRequest[]): PlannedBase {
  return {
    base,
    animated: requests.some(({ output }) => output.animated),
    arrangement: arrange(base.size, requests, arrangeOptions(source)),
    later: isSizeUnknown(base, source) ? requests : undefined,
  };
}

function arrangeOptions({ format, frames }: SourceFacts) {
  return { isVector: format === 'svg', frames };
}

/**
 * The size of one frame of an output, as it is planned; without what trimming may take away.
 * @param source the picture as it is shown
 */
export function outputSize(source: Size, transformation: Transformation): Size {
  const resolved = resolveTransformation(transformation);
  const found = baseOf(baseRequestOf(resolved), { stored: source, orientation: 1 });
  return layOut('base' in found ? found.base.size : source, resolved, { isVector: false }).size;
}

function storedSize(source: SourceFacts): Size {
  const { width, height } = source;
  return isTurned(source.orientation) ? swapped({ width, height }) : { width, height };
}

function pageMissing({ frames }: SourceFacts): PlannedFailure['cause'] {
  return { code: 'page_missing', message: `the picture has ${frames} frame${frames === 1 ? '' : 's or pages'}` };
}

function baseRequest(source: SourceFacts, transformation: Transformation, output: PlannedOutput): BaseRequest {
  const wide = source.hasProfile && WIDE_SPACES.has(source.space) && output.format !== 'gif';
  const { page, isWide, ...rest } = baseRequestOf(transformation);
  return { page: source.frames > 1 ? page : undefined, isWide: isWide && wide, ...rest };
}

function baseRequestOf({ page, orient, rect, trim, icc, 'trim-tol': tolerance }: Transformation): BaseRequest {
  return {
    page: page === undefined ? undefined : page - 1,
    orient,
    rect: rect && { left: rect.x, top: rect.y, width: rect.width, height: rect.height },
    trimTolerance: trim === undefined ? undefined : (tolerance ?? TRIM_TOLERANCE),
    isWide: icc === 'p3',
  };
}

/** Levels of 255; what a JPEG's artefacts stay within. */
const TRIM_TOLERANCE = 10;

function plannedOutput(
  index: number,
  source: SourceFacts,
  transformation: Transformation,
  effort: number | undefined,
): PlannedOutput {
  const { fm, q, page, lossless, chromasub, meta } = transformation;
  const name = fm ?? OUTPUT_OF_SOURCE[source.format] ?? (source.hasAlpha ? 'png' : 'jpg');
  const format = RENDERED[name];
  const isLossless = lossless === true && LOSSLESS.has(format);
  const animated = page === undefined && source.frames > 1 && ANIMATED.has(source.format) && ANIMATED.has(format);
  return {
    index,
    format,
    // Frames would take too long to be tried.
    searched: q === 'auto' && SEARCHED.has(format) && !isLossless && !animated,
    quality: isLossless ? undefined : fixedQuality(name, q),
    lossless: isLossless,
    fullChroma: chromasub === '444' && SUBSAMPLED.has(format) && !isLossless,
    animated,
    effort: format === 'avif' && !isLossless ? effort : undefined,
    credited: meta === 'copyright',
  };
}

function fixedQuality(name: OutputFormat, asked: number | 'auto' | undefined): number | undefined {
  const quality = qualityOf(name, asked === 'auto' ? undefined : asked);
  return quality === 'auto' ? undefined : quality;
}
