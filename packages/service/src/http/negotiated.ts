import { canonicalTransformation, type OutputFormat, type Transformation } from '@safelight/contract';
import type { FastifyReply } from 'fastify';
import { PlacesTakenError } from '../core/tenant-places.ts';
import type { Delivery } from '../images/index.ts';
import type { HttpContext } from './context.ts';
import { type Found, toDeliverable } from './deliverable.ts';
import { existing } from './existing.ts';
import { findRendition, type Wanted } from './find-rendition.ts';
import { acceptableFormats, type NegotiableSource } from './negotiate.ts';
import { ProblemError } from './problem.ts';

/** What is left to the service, and what it depends on. */
export interface Negotiable {
  readonly tenantId: string;
  readonly imageId: string;
  readonly asked: Transformation;
  readonly format: boolean;
  readonly compress: boolean;
  readonly accept: string | undefined;
}

export interface Negotiated {
  readonly found: Found;
  /** Whether a smaller one is still to come. */
  readonly isProvisional: boolean;
}

/**
 * Answers with the smallest form that a client takes and that exists; makes a fast one where none does, and has the
 * smallest made when there is time. What was made for one client is there for all.
 */
export async function findNegotiated(
  context: HttpContext,
  reply: FastifyReply,
  negotiable: Negotiable,
): Promise<Negotiated> {
  const { best, fast } = candidatesOf(negotiable, await sourceOf(context, negotiable));
  const wanted = best.map((transformation) => ({ ...negotiable, transformation }));
  const standing = await findStanding(context, wanted);
  if (standing?.rank === 0) return { found: standing.found, isProvisional: false };
  const found = standing?.found ?? (await findRendition(context, reply, { ...negotiable, transformation: fast }));
  const [first] = wanted;
  const isBest = first === undefined || first.transformation === fast;
  return { found, isProvisional: !isBest && (await isOnItsWay(context, first)) };
}

/** The first in order that is made. */
async function findStanding(
  context: HttpContext,
  wanted: readonly Wanted[],
): Promise<{ readonly found: Found; readonly rank: number } | undefined> {
  const { notYet } = context.negotiated;
  for (const [rank, one] of wanted.entries()) {
    const { tenantId, imageId, transformation } = one;
    const cached = context.deliveries.get(tenantId, imageId, transformation);
    if (cached) return { found: { object: cached, foundIn: 'facts', waitMs: 0 }, rank };
    if (notYet.has(keyOf(one))) continue;
    const lookup = await context.deliveries.look(tenantId, imageId, transformation);
    const object = toDeliverable(tenantId, imageId, lookup);
    if (object) return { found: { object, foundIn: 'database', waitMs: 0 }, rank };
    notYet.set(keyOf(one), true);
  }
  return undefined;
}

/** Whether the best will be there later; sees to it. */
async function isOnItsWay(context: HttpContext, best: Wanted): Promise<boolean> {
  const { onItsWay } = context.negotiated;
  const known = onItsWay.get(keyOf(best));
  if (known !== undefined) return known;
  const ordered = await orderBest(context, best);
  onItsWay.set(keyOf(best), ordered);
  return ordered;
}

async function sourceOf(context: HttpContext, { tenantId, imageId, asked }: Negotiable): Promise<NegotiableSource> {
  const { sources } = context.negotiated;
  const owner = `${tenantId} ${imageId}`;
  const known = sources.get(owner);
  if (known) return known;
  const lookup = await context.deliveries.look(tenantId, imageId, canonicalTransformation(asked));
  const source = negotiableOf(existing(lookup));
  sources.set(owner, source);
  return source;
}

async function orderBest(context: HttpContext, { tenantId, imageId, transformation }: Wanted): Promise<boolean> {
  const lookup = await context.deliveries.look(tenantId, imageId, transformation);
  if (lookup.state !== 'found') return false;
  const { rendition } = lookup.value;
  if (rendition) return rendition.state !== 'failed';
  try {
    await context.orders.orderLater(tenantId, lookup.value, transformation);
    return true;
  } catch (error) {
    // It can never be made here.
    if (error instanceof ProblemError) return false;
    // The client has a picture; a later request orders the better one.
    if (error instanceof PlacesTakenError) return true;
    throw error;
  }
}

function keyOf({ tenantId, imageId, transformation }: Wanted): string {
  return `${tenantId} ${imageId} ${transformation}`;
}

function negotiableOf({ source: { frames, hasAlpha } }: Delivery): NegotiableSource {
  return { frames, hasAlpha };
}

/** Smallest first, and the one that is made fastest; the same where there is but one way. */
function candidatesOf(
  { asked, format, compress, accept }: Negotiable,
  source: NegotiableSource,
): { readonly best: readonly string[]; readonly fast: string } {
  const still = asked.page === undefined ? source : { ...source, frames: 1 };
  const formats: readonly (OutputFormat | undefined)[] =
    format && asked.fm === undefined ? acceptableFormats(accept, still) : [asked.fm];
  const text = (fm: OutputFormat | undefined, quality: Transformation['q']) =>
    canonicalTransformation({
      ...asked,
      ...(fm !== undefined && { fm }),
      ...(quality !== undefined && { q: quality }),
    });
  const searched = compress && asked.q === undefined && !asked.lossless ? ('auto' as const) : undefined;
  const fastest = formats.includes('png') && formats.includes('webp') ? 'webp' : formats.at(-1);
  const fast = text(fastest, undefined);
  const best = new Set([...formats.map((fm) => text(fm, searched)), fast]);
  return { best: [...best], fast };
}
