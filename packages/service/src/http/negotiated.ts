import { canonicalTransformation, type OutputFormat, type Transformation } from '@safelight/contract';
import type { FastifyReply } from 'fastify';
import { PlacesTakenError } from '../core/tenant-places.ts';
import type { Delivery } from '../images/index.ts';
import type { HttpContext } from './context.ts';
import type { Found } from './deliverable.ts';
import { existing } from './existing.ts';
import { findMade, keyOf } from './find-made.ts';
import type { Wanted } from './find-rendition.ts';
import { acceptableFormats, type NegotiableSource } from './negotiate.ts';
import { ProblemError } from './problem.ts';
import { findShowable } from './stand-in.ts';
import { refuseNewRendition } from './standing.ts';

/** What is left to the service, and what it depends on. */
export interface Negotiable {
  readonly tenantId: string;
  readonly imageId: string;
  readonly asked: Transformation;
  readonly format: boolean;
  readonly compress: boolean;
  readonly accept: string | undefined;
  /** Which formats the tenant may have. */
  readonly allows: (format: OutputFormat) => boolean;
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
  const found = standing?.found ?? (await findShowable(context, reply, { ...negotiable, transformation: fast }));
  if (found.isStandIn) return { found, isProvisional: false };
  const [first] = wanted;
  const isBest = first === undefined || first.transformation === fast;
  return { found, isProvisional: !isBest && (await isOnItsWay(context, first)) };
}

/** The first in order that is made. */
async function findStanding(
  context: HttpContext,
  wanted: readonly Wanted[],
): Promise<{ readonly found: Found; readonly rank: number } | undefined> {
  for (const [rank, one] of wanted.entries()) {
    const found = await findMade(context, one);
    if (found) return { found, rank };
  }
  return undefined;
}

/** Whether a better one will be there later; sees to it. */
export async function isOnItsWay(context: HttpContext, best: Wanted): Promise<boolean> {
  const { onItsWay } = context.negotiated;
  const known = onItsWay.get(keyOf(best));
  if (known !== undefined) return known;
  if (await isSaving(context, best.tenantId)) return false;
  const ordered = await orderBest(context, best);
  onItsWay.set(keyOf(best), ordered);
  return ordered;
}

/** Whether what there is has to do: a smaller one would cost more than it is worth to the tenant now. */
async function isSaving({ budgets, auth }: HttpContext, tenantId: string): Promise<boolean> {
  const standing = await budgets.standing(tenantId);
  if (standing !== 'saving') return standing === 'exhausted';
  return (await auth.tenant(tenantId))?.settings.onBudget === 'cheaper';
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
    const delivery = lookup.value;
    await refuseNewRendition(context, tenantId);
    await context.budgets.within(tenantId, () => context.orders.orderLater(tenantId, delivery, transformation));
    return true;
  } catch (error) {
    // It can never be made here.
    if (error instanceof ProblemError) return false;
    // The client has a picture; a later request orders the better one.
    if (error instanceof PlacesTakenError) return true;
    throw error;
  }
}

function negotiableOf({ source: { frames, hasAlpha } }: Delivery): NegotiableSource {
  return { frames, hasAlpha };
}

/** Smallest first, and the one that is made fastest; the same where there is but one way. */
function candidatesOf(
  { asked, format, compress, accept, allows }: Negotiable,
  source: NegotiableSource,
): { readonly best: readonly string[]; readonly fast: string } {
  const still = asked.page === undefined ? source : { ...source, frames: 1 };
  const formats: readonly (OutputFormat | undefined)[] =
    format && asked.fm === undefined ? acceptableFormats(accept, still).filter(allows) : [asked.fm];
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
