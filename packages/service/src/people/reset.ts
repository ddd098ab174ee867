import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import { normalEmail } from './model.ts';
import type { Passwords } from './passwords.ts';
import { HOLD_PERSON, SET_PASSWORD } from './people.sql.ts';
import { type PersonRow, tenantsOf } from './people.ts';
import { endSessionsOf } from './sessions.ts';

const PASSWORD_BYTES = 15;

/**
 * Gives a person a new password, which is told once, and ends all sessions of the person: the operator's way back in for
 * who has forgotten it. @returns undefined when there is no such person.
 */
export function resetPassword(
  deps: { readonly database: Database; readonly clock: Clock; readonly passwords: Passwords },
  email: string,
): Promise<string | undefined> {
  const { database, clock, passwords } = deps;
  const password = Buffer.from(clock.bytes(PASSWORD_BYTES)).toString('base64url');
  return passwords.inTurn(async (turn) => {
    const hash = await turn.hash(password);
    return database.transaction(async (tx) => {
      const [person] = await tx.query<PersonRow>(HOLD_PERSON, [normalEmail(email)]);
      if (!person) return undefined;
      const { person_id: personId } = person;
      await tx.query(SET_PASSWORD, [personId, hash]);
      await endSessionsOf(tx, personId);
      for (const { tenantId } of await tenantsOf(tx, personId)) {
        await recordEvent(tx, clock, {
          tenantId,
          type: 'person.password_changed',
          subject: personId,
          actor: 'operator',
          data: { personId },
        });
      }
      return password;
    });
  });
}
