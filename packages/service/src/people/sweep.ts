import type { Database } from '../db/database.ts';
import { sweepFailures } from './failures.ts';
import { SWEEP_INVITATIONS } from './members.sql.ts';
import { SWEEP_PEOPLE } from './people.sql.ts';
import { sweepSessions } from './sessions.ts';

/**
 * Forgets sessions and invitations whose time has passed, failed log-ins of yesterday, and people who belong to no tenant
 * any more: whoever erases a tenant or a membership need not know who else belongs where.
 */
export async function sweepPeople(database: Database): Promise<void> {
  await sweepSessions(database);
  await sweepFailures(database);
  await database.query(SWEEP_INVITATIONS);
  await database.query(SWEEP_PEOPLE);
}
