import { allows, type Feature, type TenantStatus, type Transformation } from '@safelight/contract';
import type { SourceFacts } from '../renditions/index.ts';
import type { Tenant } from '../tenants/index.ts';
import { ProblemError } from './problem.ts';

interface Tenants {
  readonly auth: { tenant(name: string): Promise<Tenant | undefined> };
}

/** Whether nothing is answered for the tenant any more. */
export function isEnding(status: TenantStatus): boolean {
  return status === 'deleting' || status === 'deleted';
}

/** @throws ProblemError when the tenant takes no writes. */
export function refuseWrite({ status }: Tenant): void {
  if (status !== 'active') throw new ProblemError(isEnding(status) ? 'tenant_gone' : 'tenant_suspended');
}

/** @throws ProblemError when nothing of the tenant is delivered, whatever the URL. */
export function refuseDelivery({ status, delivers }: Tenant): void {
  if (isEnding(status)) throw new ProblemError('tenant_gone');
  if (!delivers) throw new ProblemError('tenant_suspended');
}

/** @throws ProblemError when the tenant may not have renditions made. */
export async function refuseNewRendition({ auth }: Tenants, tenantId: string): Promise<void> {
  const tenant = await auth.tenant(tenantId);
  if (tenant && tenant.status !== 'active') {
    throw new ProblemError('tenant_suspended', { detail: 'The rendition is not made while the tenant is suspended.' });
  }
}

/** @throws ProblemError that names the plan and what it lacks. */
export function refuseFeature({ plan }: Tenant, feature: Feature): void {
  if (allows(plan, feature)) return;
  throw new ProblemError('feature_not_in_plan', { detail: `The plan ${plan.name} does not include ${feature}.` });
}

/** Whether renditions of this format may be made for the tenant. */
export function allowsFormat({ plan, settings }: Tenant, format: NonNullable<Transformation['fm']>): boolean {
  return (settings.formats?.includes(format) ?? true) && (format !== 'avif' || allows(plan, 'avif'));
}

/** Holds what a URL asks for against plan and settings; a format that it leaves open is the source's. @throws ProblemError */
export function refuseTransformation(tenant: Tenant, { fm }: Transformation): void {
  if (fm === undefined) return;
  if (fm === 'avif') refuseFeature(tenant, 'avif');
  if (allowsFormat(tenant, fm)) return;
  const allowed = tenant.settings.formats?.join(', ');
  throw new ProblemError('format_not_allowed', {
    detail: `fm: takes ${allowed}.`,
    parameters: [{ parameter: 'fm', allowed: `${allowed}` }],
  });
}

/** @throws ProblemError when the picture moves and the plan has none that do. */
export function refuseAnimation(tenant: Tenant, { frames, format }: SourceFacts): void {
  if (frames > 1 && MOVING.has(format)) refuseFeature(tenant, 'animations');
}

/** Of the others several frames are pages. */
const MOVING: ReadonlySet<string> = new Set(['gif', 'webp', 'png', 'avif']);

/** What a URL leaves open, as the tenant's settings have it. */
export function withSettings({ settings }: Pick<Tenant, 'settings'>, asked: Transformation): Transformation {
  const { keepMetadata } = settings;
  return {
    ...(keepMetadata.includes('copyright') && { meta: 'copyright' }),
    ...(keepMetadata.includes('icc') && { icc: 'p3' }),
    ...asked,
  };
}
