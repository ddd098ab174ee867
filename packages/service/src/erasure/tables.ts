import type { Queryable } from '../db/database.ts';
import { selectTenantTables } from './tables.sql.ts';

/** What stays of a deleted tenant, and why. */
export const KEPT: Readonly<Record<string, string>> = {
  tenants: 'its name stays taken and answers 410',
  event_inbox: 'the sealer moves them into the log within a fraction of a second',
  events: 'history is append-only; personal fields are erased beside the chain',
  event_heads: 'where its chain ends',
  event_checkpoints: 'what was signed of it',
  erasures: 'the receipts of what was erased; they name ids alone',
  usage_hours: 'what it used may still have to be billed',
  usage_months: 'what it used may still have to be billed',
  usage_node_hours: 'what it used may still have to be billed',
  usage_corrections: 'what it used may still have to be billed',
  usage_prices: 'what its usage was priced by',
};

interface Table {
  readonly name: string;
  readonly refersTo: readonly string[];
}

/** The tables that are emptied of a tenant's rows, each before those that it refers to. */
export async function tablesToEmpty(database: Queryable): Promise<string[]> {
  const tables = (await database.query<Table>(selectTenantTables)).filter(({ name }) => !Object.hasOwn(KEPT, name));
  const ordered: string[] = [];
  let left = tables;
  while (left.length > 0) {
    const free = left.filter(({ name }) => !left.some((other) => other.refersTo.includes(name)));
    // Tables that refer to each other in a circle: in any order, over several rounds.
    const next = free.length > 0 ? free : left;
    ordered.push(...next.map(({ name }) => name));
    left = left.filter((table) => !next.includes(table));
  }
  return ordered;
}
