import type { OutputFormat } from '@safelight/contract';

/** What an answer in another format depends on. */
export interface NegotiableSource {
  readonly frames: number;
  readonly hasAlpha: boolean;
}

/** Formats that a client must name: every one shows JPEG, PNG and GIF, and says so by `*` or not at all. */
const NAMED = { avif: 'image/avif', webp: 'image/webp' } as const satisfies Partial<Record<OutputFormat, string>>;

/**
 * The formats in which a client may get a picture, smallest first; the last one every client shows. At equal quality
 * AVIF has 0.74 of a JPEG's bytes and WebP 0.87 to 0.98. AVIF holds one frame here, so that animations go without it.
 * @param accept the request's `Accept`. A wildcard names no format: clients that know AVIF or WebP write it out.
 */
export function acceptableFormats(
  accept: string | undefined,
  { frames, hasAlpha }: NegotiableSource,
): readonly [OutputFormat, ...OutputFormat[]] {
  const named = acceptedTypes(accept);
  const isAnimated = frames > 1;
  const fallback: OutputFormat = isAnimated ? 'gif' : hasAlpha ? 'png' : 'jpg';
  const better = (Object.keys(NAMED) as (keyof typeof NAMED)[]).filter(
    (format) => named.has(NAMED[format]) && !(isAnimated && format === 'avif'),
  );
  const [best, ...rest] = [...better, fallback];
  return best === undefined ? [fallback] : [best, ...rest];
}

/** RFC 9110, 12.5.1: media types that are accepted at all, in lower case; a weight of 0 excludes. */
function acceptedTypes(accept = ''): ReadonlySet<string> {
  const types = new Set<string>();
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const isExcluded = parameters.some((parameter) => /^q\s*=\s*0(\.0{0,3})?$/.test(parameter));
    if (!isExcluded) types.add(type);
  }
  return types;
}
