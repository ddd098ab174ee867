import type { Clock } from '../core/clock.ts';
import type { Queryable, Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { holdLocationSetting, setKeepsLocation } from '../tenants/index.ts';
import type { Location } from './model.ts';

const insertLocation = statement(
  'insert_location',
  `INSERT INTO locations (tenant_id, original_id, latitude, longitude, altitude_metres)
   SELECT $1, $2, $3, $4, $5 FROM tenants t WHERE t.tenant_id = $1 AND t.keeps_location
   ON CONFLICT (tenant_id, original_id) DO NOTHING`,
);
const deleteLocations = statement('delete_locations', 'DELETE FROM locations WHERE tenant_id = $1');

/** Stores where an original was taken, if its tenant keeps that. */
export async function locateOriginal(
  tx: Queryable,
  tenantId: string,
  originalId: string,
  { latitude, longitude, altitudeMetres }: Location,
): Promise<void> {
  await Promise.all([
    holdLocationSetting(tx, tenantId),
    tx.query(insertLocation, [tenantId, originalId, latitude, longitude, altitudeMetres ?? null]),
  ]);
}

/**
 * Says whether a tenant keeps where its pictures were taken. When it no longer does, what was kept is dropped with it;
 * when it begins to, pictures that are there already have their position once they are sent again.
 */
export async function keepLocations(tx: Transaction, clock: Clock, tenantId: string, keeps: boolean): Promise<void> {
  await setKeepsLocation(tx, clock, tenantId, keeps);
  if (!keeps) await tx.query(deleteLocations, [tenantId]);
}
