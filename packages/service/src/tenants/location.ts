import type { Clock } from '../core/clock.ts';
import type { Queryable, Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { recordEvent } from '../events/index.ts';

// What a tenant's transaction cannot do is lock the tenant's row, which is the operator's.
const LOCK = `hashtextextended('keeps_location ' || $1, 0)`;
const holdSetting = statement('hold_location_setting', `SELECT pg_advisory_xact_lock_shared(${LOCK})`);
const changeSetting = statement('change_location_setting', `SELECT pg_advisory_xact_lock(${LOCK})`);
const updateSetting = statement(
  'update_tenant_keeps_location',
  'UPDATE tenants SET keeps_location = $2 WHERE tenant_id = $1',
);

/** From here to the commit the setting stays as `tenants.keeps_location` tells it to the statements that follow. */
export async function holdLocationSetting(tx: Queryable, tenantId: string): Promise<void> {
  await tx.query(holdSetting, [tenantId]);
}

/**
 * Says whether positions out of pictures are kept. Uploads that are storing one are waited for, so that whoever drops
 * what was kept, later in this transaction, drops all of it.
 */
export async function setKeepsLocation(
  tx: Transaction,
  clock: Clock,
  tenantId: string,
  keepsLocation: boolean,
): Promise<void> {
  await tx.query(changeSetting, [tenantId]);
  await tx.query(updateSetting, [tenantId, keepsLocation]);
  const data = { keepsLocation };
  await recordEvent(tx, clock, { tenantId, type: 'tenant.changed', subject: tenantId, actor: 'operator', data });
}
