import type { Clock } from '../core/clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import { renditionDigest, tellDropped } from '../renditions/index.ts';
import { getTenant } from '../tenants/index.ts';
import { deleteFormer, dropFormer, lockFormer, moveFormer, selectExpired, selectStretch } from './former.sql.ts';
import { FORMER_DAYS, FORMER_KEPT } from './model.ts';

interface Former {
  readonly tenantId: string;
  readonly name: string;
  readonly version: number;
  readonly transformation: string;
}

const ORIGINALS_AT_ONCE = 1_000;

/**
 * Drops the renditions of what presets stood for before, when their time is over, unless a preset stands for the same
 * now. Their objects go with the janitor's sweep of what no row names, which leaves nodes the time to hear of it.
 * @returns how many were dropped, before `signal` broke it off.
 */
export async function sweepFormerPresets(
  deps: { readonly database: Database; readonly clock: Clock; readonly formerDays?: number },
  signal: AbortSignal,
): Promise<number> {
  const { database, formerDays = FORMER_DAYS } = deps;
  let dropped = 0;
  for (const former of await database.query<Former>(selectExpired, [formerDays, FORMER_KEPT])) {
    const tenant = await getTenant(database, former.tenantId);
    const isInUse = [...(tenant?.presets.current.values() ?? [])].some(
      ({ transformation }) => transformation === former.transformation,
    );
    for (let isMore = true; isMore && !signal.aborted; ) {
      const step = await database.asTenant(former.tenantId, (tx) => dropSome(tx, deps.clock, former, isInUse));
      dropped += step.dropped;
      isMore = step.isMore;
    }
  }
  return dropped;
}

async function dropSome(
  tx: Transaction,
  clock: Clock,
  { tenantId, name, version, transformation }: Former,
  isInUse: boolean,
): Promise<{ readonly dropped: number; readonly isMore: boolean }> {
  const key = [tenantId, name, version];
  const [row] = await tx.query<{ sweptTo: string }>(lockFormer, key);
  if (!row) return { dropped: 0, isMore: false };
  const stretch = [tenantId, row.sweptTo, ORIGINALS_AT_ONCE];
  const [next] = isInUse ? [] : await tx.query<{ upTo: string | null }>(selectStretch, stretch);
  const upTo = next?.upTo;
  if (upTo === undefined || upTo === null) {
    await tx.query(deleteFormer, key);
    return { dropped: 0, isMore: false };
  }
  const values = [tenantId, row.sweptTo, upTo, renditionDigest(transformation)];
  const gone = await tx.query<{ bytes: number | null }>(dropFormer, values);
  const bytes = gone.reduce((sum, rendition) => sum + (rendition.bytes ?? 0), 0);
  if (gone.length > 0) await tellDropped(tx, clock, { tenantId, subject: tenantId, objects: gone.length, bytes });
  await tx.query(moveFormer, [...key, upTo]);
  return { dropped: gone.length, isMore: true };
}
