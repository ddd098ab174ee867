import { PRESETS } from '@safelight/contract';
import { findDelivery } from '../images/index.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problem.ts';

/** An object that a row named is not there: deleted since the look-up, here or by another node, or the store is ill. */
export async function problemOfMissing(
  context: HttpContext,
  { tenantId, imageId }: { readonly tenantId: string; readonly imageId: string },
): Promise<ProblemError> {
  context.deliveries.forget(tenantId, imageId);
  const { state } = await findDelivery(context.database, tenantId, imageId, PRESETS.small);
  return new ProblemError(state === 'gone' ? 'image_gone' : 'storage_unavailable');
}
