import type { FastifyReply } from 'fastify';
import { outputSize, readTransformation } from '../renditions/index.ts';
import type { TenantPresets } from '../tenants/index.ts';
import type { HttpContext } from './context.ts';
import { type Found, toDeliverable } from './deliverable.ts';
import { existing } from './existing.ts';
import { findRendition, type Wanted } from './find-rendition.ts';
import { ProblemError } from './problem.ts';

/**
 * As {@link findRendition}; but where a budget is used up and the tenant would rather have what exists be served, that.
 * @throws ProblemError
 */
export async function findShowable(context: HttpContext, reply: FastifyReply, wanted: Wanted): Promise<Found> {
  try {
    return await findRendition(context, reply, wanted);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'budget_exhausted') throw error;
    const tenant = await context.auth.tenant(wanted.tenantId);
    if (tenant?.settings.onBudget !== 'serve_existing') throw error;
    const standIn = await findStandIn(context, reply, tenant.presets, wanted);
    if (!standIn) throw error;
    return standIn;
  }
}

/**
 * What exists of an image in the place of a rendition that is not made: the smallest preset that is as wide, or the
 * widest there is. Presets alone: whoever has a URL of the image may see those, and nothing else is shown to him than
 * he asked for. Nothing in place of a picture with a mark, which is there so that it is not seen without.
 */
async function findStandIn(
  context: HttpContext,
  reply: FastifyReply,
  { current, former }: TenantPresets,
  { tenantId, imageId, transformation }: Wanted,
): Promise<Found | undefined> {
  const asked = readTransformation(transformation);
  if (asked.mark !== undefined || asked.txt !== undefined) return undefined;
  const { source } = existing(await context.deliveries.look(tenantId, imageId, transformation));
  const { width } = outputSize(source, asked);
  const known = [...current.values()].map((preset) => preset.transformation);
  const candidates = [...new Set([...known, ...[...former.values()].flat()])]
    .map((preset) => ({ preset, width: outputSize(source, readTransformation(preset)).width }))
    .sort((a, b) => a.width - b.width);
  const wideEnough = candidates.filter((candidate) => candidate.width >= width);
  const narrower = candidates.filter((candidate) => candidate.width < width).reverse();
  for (const { preset } of [...wideEnough, ...narrower]) {
    const lookup = await context.deliveries.look(tenantId, imageId, preset);
    const object = toDeliverable(tenantId, imageId, lookup);
    if (!object) continue;
    reply.header('x-safelight-degraded', 'budget_exhausted');
    return { object, foundIn: 'database', waitMs: 0, isStandIn: true };
  }
  return undefined;
}
