import { type EventData, type TenantSettingsPatch, type TenantStatus, tenantSettingsSchema } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Queryable, Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { type NewEvent, recordEvent } from '../events/index.ts';
import { type IiifAccess, OPERATOR_TENANT, type Tenant, type UnsignedUrls } from './model.ts';
import { reweigh } from './reweigh.ts';
import { TENANT_COLUMNS, TENANT_TABLES, type TenantRow, toTenant } from './row.ts';

/** What an operator changes, and of the last three the tenant itself; what is not named stays. */
export interface TenantChange {
  readonly displayName?: string | null | undefined;
  readonly plan?: string | undefined;
  readonly settings?: TenantSettingsPatch | undefined;
  readonly unsignedUrls?: UnsignedUrls | undefined;
  readonly iiif?: IiifAccess | undefined;
}

/** There is no plan of that name. */
export class UnknownPlanError extends Error {
  override readonly name = 'UnknownPlanError';
}

/** The tenant, or the plan, cannot be changed like this: it is on its way out, built in, or the operator's own. */
export class TenantRefusedError extends Error {
  override readonly name = 'TenantRefusedError';
}

/** Who changes a tenant, and which. */
export interface TenantAct {
  readonly tenantId: string;
  /** A key's id, or 'operator' at the command line. */
  readonly actor: string;
}

const lockTenant = statement(
  'lock_tenant_to_change',
  'SELECT slug, status, settings FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE',
);
const selectPlanWeight = statement('select_plan_weight', 'SELECT weight FROM plans WHERE plan = $1 FOR SHARE');
const updateTenant = statement(
  'update_tenant',
  `UPDATE tenants SET
     display_name = CASE WHEN $2 THEN $3 ELSE display_name END,
     plan = coalesce($4, plan),
     settings = coalesce($5::jsonb, settings),
     unsigned_urls = coalesce($6, unsigned_urls),
     iiif = coalesce($7, iiif)
   WHERE tenant_id = $1`,
);
const updateStatus = statement(
  'update_tenant_status',
  `UPDATE tenants SET status = $2, delivers = $3, status_at = clock_timestamp() WHERE tenant_id = $1`,
);

/** What people called it may be somebody's name; hosts may tell whose pictures they were. */
const forgetName = statement(
  'forget_tenant_name',
  `UPDATE tenants SET display_name = NULL, settings = '{}' WHERE tenant_id = $1`,
);

/** @throws UnknownPlanError, TenantRefusedError. @returns false when there is no such tenant. */
export async function changeTenant(
  tx: Transaction,
  clock: Clock,
  { tenantId, actor }: TenantAct,
  change: TenantChange,
): Promise<boolean> {
  const { plan, displayName, unsignedUrls, iiif } = change;
  // The plan first: whoever changes a plan locks it, and then its tenants.
  const [weighed] = plan === undefined ? [] : await tx.query<{ weight: number }>(selectPlanWeight, [plan]);
  if (plan !== undefined && !weighed) throw new UnknownPlanError(`there is no plan ${plan}`);
  const [row] = await tx.query<{ status: TenantStatus; settings: Record<string, unknown> }>(lockTenant, [tenantId]);
  if (!row) return false;
  refuseEnding(row.status);
  const settings = change.settings && withoutDefaults({ ...row.settings, ...change.settings });
  await tx.query(updateTenant, [
    ...[tenantId, displayName !== undefined, displayName ?? null, plan ?? null],
    ...[settings ? JSON.stringify(settings) : null, unsignedUrls ?? null, iiif ?? null],
  ]);
  if (weighed) await reweigh(tx, [tenantId], weighed.weight);
  const data: EventData<'tenant.changed'> = {
    ...(plan !== undefined && { plan }),
    ...(change.settings && { settings: change.settings }),
    ...(displayName !== undefined && { displayName: true }),
    ...(unsignedUrls !== undefined && { unsignedUrls }),
    ...(iiif !== undefined && { iiif }),
  };
  await recordEvent(tx, clock, { tenantId, type: 'tenant.changed', subject: tenantId, actor, data });
  return true;
}

/** The rows say only what differs: a default that a later build changes then holds for all who never chose. */
function withoutDefaults(settings: Record<string, unknown>): Record<string, unknown> {
  const defaults: Record<string, unknown> = tenantSettingsSchema.parse({});
  const differs = ([name, value]: [string, unknown]) => JSON.stringify(defaults[name]) !== JSON.stringify(value);
  return Object.fromEntries(Object.entries(settings).filter(differs));
}

/**
 * Stops a tenant's writes and jobs from this commit on; nodes hear of it at once, and after five seconds at the latest.
 * @param delivers whether what exists is still delivered.
 * @returns false when there is no such tenant. @throws TenantRefusedError when it is on its way out.
 */
export function suspendTenant(tx: Transaction, clock: Clock, act: TenantAct, delivers: boolean): Promise<boolean> {
  const event = { ...act, subject: act.tenantId, type: 'tenant.suspended', data: { delivers } } as const;
  return moveTo(tx, clock, 'suspended', delivers, event);
}

/** Ends a suspension; its jobs go on. Answers and throws as {@link suspendTenant}. */
export function resumeTenant(tx: Transaction, clock: Clock, act: TenantAct): Promise<boolean> {
  const event = { ...act, subject: act.tenantId, type: 'tenant.resumed', data: {} } as const;
  return moveTo(tx, clock, 'active', true, event);
}

/** From this commit on nothing is answered for the tenant; what it has is removed after. @returns as above. */
export function beginTenantDeletion(tx: Transaction, clock: Clock, act: TenantAct): Promise<boolean> {
  const event = { ...act, subject: act.tenantId, type: 'tenant.deleting', data: {} } as const;
  return moveTo(tx, clock, 'deleting', false, event);
}

/**
 * All that was the tenant's is gone; its name stays taken, so that its URLs never become somebody else's.
 * @param bytesGone that the meter holds for stored until it hears of this
 */
export async function endTenantDeletion(
  tx: Transaction,
  clock: Clock,
  tenantId: string,
  bytesGone: number,
): Promise<void> {
  await tx.query(updateStatus, [tenantId, 'deleted', false]);
  await tx.query(forgetName, [tenantId]);
  const data = { storedBytes: 0 - bytesGone };
  await recordEvent(tx, clock, { tenantId, type: 'tenant.deleted', subject: tenantId, actor: 'system', data });
}

/** To where it stands already is no error: whoever repeats a request finds it done. */
async function moveTo(
  tx: Transaction,
  clock: Clock,
  status: TenantStatus,
  delivers: boolean,
  event: NewEvent,
): Promise<boolean> {
  const [row] = await tx.query<{ slug: string; status: TenantStatus }>(lockTenant, [event.tenantId]);
  if (!row) return false;
  if (row.slug === OPERATOR_TENANT) throw new TenantRefusedError('it is the operator’s own tenant');
  if (status === 'deleting' && isEnding(row.status)) return true;
  refuseEnding(row.status);
  await tx.query(updateStatus, [event.tenantId, status, delivers]);
  await recordEvent(tx, clock, event);
  return true;
}

function refuseEnding(status: TenantStatus): void {
  if (isEnding(status)) throw new TenantRefusedError(`the tenant is ${status}`);
}

function isEnding(status: TenantStatus): boolean {
  return status === 'deleting' || status === 'deleted';
}

const selectTenants = statement(
  'select_tenants',
  `SELECT ${TENANT_COLUMNS} FROM ${TENANT_TABLES} WHERE t.tenant_id > $1 AND ($3::text IS NULL OR t.status = $3)
   ORDER BY t.tenant_id LIMIT $2`,
);

/** Tenants in the order in which they were made. */
export async function listTenants(
  database: Queryable,
  page: { readonly after?: string | undefined; readonly limit: number; readonly status?: TenantStatus | undefined },
): Promise<Tenant[]> {
  const rows = await database.query<TenantRow>(selectTenants, [page.after ?? '', page.limit, page.status ?? null]);
  return rows.map(toTenant);
}

/** More than are ever suspended at once; those behind wait for the claims that meet their jobs. */
const NOT_ACTIVE_MAX = 10_000;
const selectNotActive = statement(
  'select_tenants_not_active',
  `SELECT tenant_id AS "tenantId", status_at AS "statusAt" FROM tenants WHERE status IN ('suspended', 'deleting')
   ORDER BY tenant_id LIMIT ${NOT_ACTIVE_MAX}`,
);

/** Tenants whose jobs may not run, and since when they have their status. */
export function listNotActive(database: Queryable): Promise<{ readonly tenantId: string; readonly statusAt: Date }[]> {
  return database.query<{ tenantId: string; statusAt: Date }>(selectNotActive);
}
