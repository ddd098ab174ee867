import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import { countTry, forgiveTry } from './failures.ts';
import { normalEmail, type OpenedSession, type PersonSession, type Refusal } from './model.ts';
import type { Passwords, PasswordTurn } from './passwords.ts';
import { HOLD_PERSON, SELECT_PERSON, SET_PASSWORD } from './people.sql.ts';
import { type PersonRow, type TenantOfPerson, tenantToEnter } from './people.ts';
import { endSessionsOf, openSession } from './sessions.ts';

export interface LogInDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly passwords: Passwords;
}

export interface LogIn {
  readonly email: string;
  readonly password: string;
  /** Where the request comes from. */
  readonly address: string;
  /** Short name of the tenant to enter; absent: the first that the person belongs to. */
  readonly tenant?: string | undefined;
}

/**
 * Opens a session by e-mail and password. Nobody learns from the answer or from how long it takes whether an account is
 * there: the same is counted, hashed and answered for one that is not.
 * @throws TooManyWaitersError when too many log in at once.
 */
export function logIn(deps: LogInDeps, wish: LogIn): Promise<OpenedSession | Refusal> {
  const { database, clock, passwords } = deps;
  return passwords.inTurn(async (turn) => {
    const person = await proven(database, turn, wish);
    if ('refused' in person) return person;
    return database.transaction(async (tx) => {
      const tenant = await enterable(tx, person, wish);
      if (!tenant) return { refused: 'wrong' as const };
      await forgiveTry(tx, { ...wish, email: person.email });
      const { address } = wish;
      return openSession(tx, clock, { tenantId: tenant.tenantId, personId: person.person_id, by: 'password', address });
    });
  });
}

/**
 * Changes the password of who is logged in and knows the one until now. All sessions of the person end, in all tenants;
 * the one that is answered takes the place of the one that asked.
 */
export function changePassword(
  deps: LogInDeps,
  session: PersonSession,
  wish: { readonly current: string; readonly next: string; readonly address: string },
): Promise<OpenedSession | Refusal> {
  const { database, clock, passwords } = deps;
  const { tenantId, personId, email } = session;
  return passwords.inTurn(async (turn) => {
    const { address } = wish;
    const person = await proven(database, turn, { email, password: wish.current, address });
    if ('refused' in person) return person;
    const hash = await turn.hash(wish.next);
    return database.transaction(async (tx) => {
      const [held] = await tx.query<PersonRow>(HOLD_PERSON, [person.email]);
      // Somebody changed it meanwhile: that one counts.
      if (held?.password_hash !== person.password_hash) return { refused: 'wrong' as const };
      await forgiveTry(tx, { email: person.email, address });
      await tx.query(SET_PASSWORD, [personId, hash]);
      await endSessionsOf(tx, personId);
      await recordEvent(tx, clock, {
        tenantId,
        type: 'person.password_changed',
        subject: personId,
        actor: personId,
        data: { personId },
      });
      return openSession(tx, clock, { tenantId, personId, by: 'password', address });
    });
  });
}

/** The person whose password it is. One try is counted, and one password is hashed, whatever comes out. */
export async function proven(
  database: Database,
  turn: PasswordTurn,
  wish: Pick<LogIn, 'email' | 'password' | 'address'>,
): Promise<PersonRow | Refusal> {
  const email = normalEmail(wish.email);
  const seconds = await countTry(database, { email, address: wish.address });
  if (seconds > 0) return { refused: 'locked', seconds };
  const [person] = await database.query<PersonRow>(SELECT_PERSON, [email]);
  const isRight = await turn.verify(person?.password_hash ?? undefined, wish.password);
  return person && isRight ? person : { refused: 'wrong' };
}

/** Unless the password was changed since it was looked at. */
async function enterable(
  tx: Parameters<Parameters<Database['transaction']>[0]>[0],
  person: PersonRow,
  wish: LogIn,
): Promise<TenantOfPerson | undefined> {
  const [held] = await tx.query<PersonRow>(HOLD_PERSON, [person.email]);
  if (held?.password_hash !== person.password_hash) return undefined;
  return tenantToEnter(tx, person.person_id, wish.tenant);
}
