import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import type { OpenedSession, PersonSession } from './model.ts';
import { tenantToEnter } from './people.ts';
import { endSession, openSession } from './sessions.ts';

/** Goes on in another tenant of the person, by a new session. @returns undefined when the person belongs to no such. */
export function switchTenant(
  database: Database,
  clock: Clock,
  now: {
    readonly session: PersonSession;
    readonly token: string;
    readonly slug: string;
    readonly address: string;
  },
): Promise<OpenedSession | undefined> {
  const { session, token, slug, address } = now;
  return database.transaction(async (tx) => {
    const tenant = await tenantToEnter(tx, session.personId, slug);
    if (!tenant) return undefined;
    await endSession(tx, token);
    return openSession(tx, clock, { tenantId: tenant.tenantId, personId: session.personId, by: 'password', address });
  });
}
