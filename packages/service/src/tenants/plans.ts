import { isDeepStrictEqual } from 'node:util';
import { type PlanDocument, UNLIMITED_PLAN } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Queryable, Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { recordEvents } from '../events/index.ts';
import { TenantRefusedError } from './change.ts';
import type { TenantPlan } from './model.ts';
import { reweigh } from './reweigh.ts';
import { PLAN_COLUMNS, type PlanRow, toPlan } from './row.ts';

/** As many as people can tell apart; the list is one page. */
const PLANS_MAX = 1_000;
/** Of tenants that hear at once that their plan has changed; the others' nodes ask anew within five seconds anyway. */
const TOLD_MAX = 10_000;

export interface DatedPlan extends TenantPlan {
  readonly changedAt: Date;
}

export interface ListedPlan extends DatedPlan {
  /** How many have it. */
  readonly tenants: number;
}

interface DatedRow extends PlanRow {
  readonly changed_at: Date;
}

const lockPlan = statement(
  'lock_plan',
  `SELECT ${PLAN_COLUMNS}, p.changed_at FROM plans p WHERE p.plan = $1 FOR UPDATE`,
);
const selectPlans = statement(
  'select_plans',
  `SELECT ${PLAN_COLUMNS}, p.changed_at,
     (SELECT count(*) FROM tenants t WHERE t.plan = p.plan AND t.status <> 'deleted')::int AS tenants
   FROM plans p ORDER BY p.plan LIMIT ${PLANS_MAX + 1}`,
);
const countPlans = statement('count_plans', 'SELECT count(*)::int AS plans FROM plans');
const upsertPlan = statement(
  'upsert_plan',
  `WITH put AS (
     INSERT INTO plans AS p (plan, weight, limits, features, prices) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (plan) DO UPDATE SET version = p.version + 1, weight = excluded.weight, limits = excluded.limits,
       features = excluded.features, prices = excluded.prices, changed_at = clock_timestamp()
     RETURNING *
   ), kept AS (
     INSERT INTO plan_versions (plan, version, weight, limits, features, prices, changed_at, actor)
     SELECT plan, version, weight, limits, features, prices, changed_at, $6 FROM put
   )
   SELECT ${PLAN_COLUMNS}, p.changed_at FROM put p`,
);
const selectTenantsOfPlan = statement(
  'select_tenants_of_plan',
  `SELECT tenant_id FROM tenants WHERE plan = $1 AND status <> 'deleted' ORDER BY tenant_id LIMIT ${TOLD_MAX}`,
);

/** Every plan, by name. */
export async function listPlans(database: Queryable): Promise<ListedPlan[]> {
  const rows = await database.query<DatedRow & { tenants: number }>(selectPlans);
  return rows.map((row) => ({ ...toDated(row), tenants: row.tenants }));
}

/**
 * Makes a plan, or changes it for all its tenants, whose nodes follow within five seconds; what stands already makes no
 * new version. @throws TenantRefusedError for the built-in plan, and for one more than may be.
 */
export async function putPlan(
  tx: Transaction,
  clock: Clock,
  { name, actor, document }: { readonly name: string; readonly actor: string; readonly document: PlanDocument },
): Promise<DatedPlan> {
  if (name === UNLIMITED_PLAN) throw new TenantRefusedError(`the plan ${name} is built in: make another`);
  const [row] = await tx.query<DatedRow>(lockPlan, [name]);
  const standing = row && toDated(row);
  if (standing && isDeepStrictEqual(documentOf(standing), documentOf(document))) return standing;
  const [count] = await tx.query<{ plans: number }>(countPlans);
  if (!standing && (count?.plans ?? 0) >= PLANS_MAX)
    throw new TenantRefusedError(`there are ${PLANS_MAX} plans already`);
  const { weight, limits, features, prices } = document;
  const [put] = await tx.query<DatedRow>(upsertPlan, [
    name,
    weight,
    JSON.stringify(limits),
    features && [...features],
    JSON.stringify(prices),
    actor,
  ]);
  if (!put) throw new Error('an upsert answers its row');
  const plan = toDated(put);
  const tenants = (await tx.query<{ tenant_id: string }>(selectTenantsOfPlan, [name])).map((one) => one.tenant_id);
  await reweigh(tx, tenants, weight);
  await recordEvents(
    tx,
    clock,
    tenants.map((tenantId) => ({
      ...{ tenantId, subject: tenantId, type: 'tenant.changed', actor },
      data: { plan: name, planVersion: plan.version },
    })),
  );
  return plan;
}

function toDated(row: DatedRow): DatedPlan {
  return { ...toPlan(row), changedAt: row.changed_at };
}

/** As they are written and compared: of what a plan says, and in one order of its features. */
function documentOf({ weight, limits, features, prices }: PlanDocument): PlanDocument {
  // As the column keeps it, in four bytes.
  return { weight: Math.fround(weight), limits, features: features && [...features].sort(), prices };
}
