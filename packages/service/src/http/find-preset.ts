import type { FastifyReply } from 'fastify';
import type { Tenant } from '../tenants/index.ts';
import type { HttpContext } from './context.ts';
import type { Found } from './deliverable.ts';
import { findMade } from './find-made.ts';
import type { Wanted } from './find-rendition.ts';
import { isOnItsWay } from './negotiated.ts';
import { ProblemError } from './problem.ts';
import { findShowable } from './stand-in.ts';
import { versionOf } from './urls.ts';

/** What a URL by preset names. */
export interface WantedPreset {
  readonly imageId: string;
  readonly name: string;
  /** The version that the URL tells, if any. */
  readonly v: string | undefined;
}

export interface FoundPreset {
  readonly found: Found;
  /** Whether it is what the URL's version names, which never changes. */
  readonly isVersioned: boolean;
  /** Whether a newer one is on its way. */
  readonly isProvisional: boolean;
}

/**
 * The rendition that a preset's URL names. A version that the preset had before is served for as long as that rendition
 * exists; and while the new one is not made, what the preset stood for before stands in, so that a change never shows
 * as a wait. @throws ProblemError
 */
export async function findPreset(
  context: HttpContext,
  reply: FastifyReply,
  tenant: Tenant,
  { imageId, name, v }: WantedPreset,
): Promise<FoundPreset> {
  const preset = tenant.presets.current.get(name);
  const former = tenant.presets.former.get(name) ?? [];
  const isVersioned = preset !== undefined && v === versionOf(preset.transformation);
  const where = { tenantId: tenant.tenantId, imageId };
  const named = isVersioned ? undefined : former.find((transformation) => versionOf(transformation) === v);
  const kept = named === undefined ? undefined : await findMade(context, { ...where, transformation: named });
  if (kept) return { found: kept, isVersioned: true, isProvisional: false };
  if (!preset) throw new ProblemError('preset_not_found');
  const wanted = { ...where, transformation: preset.transformation };
  const before = former.length === 0 ? undefined : await findBefore(context, wanted, former);
  if (before) return { found: before, isVersioned: false, isProvisional: true };
  return { found: await findShowable(context, reply, wanted), isVersioned, isProvisional: false };
}

/** What is older is on its way out. */
const BEFORE_MAX = 8;

/** What stands in for a rendition that is not made yet, and is ordered if it was not; undefined where it is made. */
async function findBefore(context: HttpContext, wanted: Wanted, former: readonly string[]): Promise<Found | undefined> {
  if (await findMade(context, wanted)) return undefined;
  const newest = former.filter((transformation) => transformation !== wanted.transformation).slice(0, BEFORE_MAX);
  // Asked for together, they are one look at the database.
  const made = await Promise.all(newest.map((transformation) => findMade(context, { ...wanted, transformation })));
  const found = made.find((one) => one !== undefined);
  if (found) await isOnItsWay(context, wanted);
  return found;
}
