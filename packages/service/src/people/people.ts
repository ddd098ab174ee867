import type { Queryable, Transaction } from '../db/database.ts';
import { SELECT_PERSON_BY_ID, SELECT_TENANTS_OF } from './people.sql.ts';

export interface PersonRow {
  readonly person_id: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly password_hash: string | null;
  readonly oidc_subject: string | null;
}

export interface TenantOfPerson {
  readonly tenantId: string;
  readonly slug: string;
}

/** The tenants that a person belongs to, in the order of their names. */
export async function tenantsOf(database: Queryable, personId: string): Promise<TenantOfPerson[]> {
  const rows = await database.query<{ tenant_id: string; slug: string }>(SELECT_TENANTS_OF, [personId]);
  return rows.map(({ tenant_id, slug }) => ({ tenantId: tenant_id, slug }));
}

/** The one named, or the first; undefined when the person belongs to no such. */
export async function tenantToEnter(
  tx: Transaction,
  personId: string,
  slug: string | undefined,
): Promise<TenantOfPerson | undefined> {
  const tenants = await tenantsOf(tx, personId);
  return slug === undefined ? tenants[0] : tenants.find((tenant) => tenant.slug === slug);
}

/** Whether a person can log in by a password. */
export async function hasPassword(database: Queryable, personId: string): Promise<boolean> {
  const [row] = await database.query<PersonRow>(SELECT_PERSON_BY_ID, [personId]);
  return typeof row?.password_hash === 'string';
}
