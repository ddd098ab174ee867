import type { PersonRole } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database, Transaction } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import { forgiveTry } from './failures.ts';
import { type LogInDeps, proven } from './log-in.ts';
import { INSERT_MEMBER, SELECT_INVITATION_BY_TOKEN, TAKE_INVITATION, TAKE_INVITATIONS_OF } from './members.sql.ts';
import { normalEmail, type OpenedSession, type Refusal } from './model.ts';
import { HOLD_PERSON, INSERT_PERSON, LINK_PERSON, SELECT_PERSON, SELECT_PERSON_BY_OIDC } from './people.sql.ts';
import { type PersonRow, tenantToEnter } from './people.ts';
import { digestOfToken, endSessionsOf, openSession } from './sessions.ts';

interface InvitationRow {
  readonly tenant_id: string;
  readonly email: string;
  readonly role: PersonRole;
}

/** A transaction of which nothing stays, with what is to be answered. */
class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.refused);
    this.refusal = refusal;
  }
}

/**
 * Takes an invitation and logs in. Who is new sets a password by it; who is known must give the own one, since whoever
 * invites could else take over what an address of somebody else may do in other tenants.
 * @throws TooManyWaitersError when too many log in at once.
 */
export async function acceptInvitation(
  deps: LogInDeps,
  wish: { readonly token: string; readonly password: string; readonly address: string },
): Promise<OpenedSession | Refusal> {
  const { database, clock, passwords } = deps;
  const sha256 = digestOfToken(wish.token);
  const [invitation] = sha256 ? await database.query<InvitationRow>(SELECT_INVITATION_BY_TOKEN, [sha256]) : [];
  if (!sha256 || !invitation) return { refused: 'unknown_invitation' };
  const { email } = invitation;
  const { address, password } = wish;
  return passwords.inTurn(async (turn) => {
    const isKnown = (await database.query(SELECT_PERSON, [email])).length > 0;
    const known = isKnown ? await proven(database, turn, { email, password, address }) : undefined;
    if (known && 'refused' in known) return known;
    const hash = known ? undefined : await turn.hash(password);
    return unlessRefused(database, async (tx) => {
      const personId = known?.person_id ?? (await insertPerson(tx, clock, { email, hash }));
      // Somebody of this address came in between, and has a password of his own.
      if (personId === undefined) throw new Refused({ refused: 'wrong' });
      const [taken] = await tx.query<InvitationRow>(TAKE_INVITATION, [sha256]);
      if (!taken) throw new Refused({ refused: 'unknown_invitation' });
      if (known) await forgiveTry(tx, { email, address });
      await join(tx, clock, taken, personId, 'invitation');
      return openSession(tx, clock, { tenantId: taken.tenant_id, personId, by: 'invitation', address });
    });
  });
}

/** Whom a provider of OpenID Connect says that somebody is. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | undefined;
  readonly emailVerified: boolean;
}

/**
 * Logs in whom a provider vouches for. Who was never here must have been invited: all invitations of the address count.
 * The first time links the account that has the address; a password that nobody had vouched for is dropped then, and the
 * sessions that it opened end.
 */
export function logInByOidc(
  database: Database,
  clock: Clock,
  identity: Identity,
  address: string,
): Promise<OpenedSession | Refusal> {
  return unlessRefused(database, async (tx) => {
    const { issuer, subject } = identity;
    const [known] = await tx.query<PersonRow>(SELECT_PERSON_BY_OIDC, [issuer, subject]);
    const person = known ?? (await link(tx, clock, identity));
    for (const invitation of await tx.query<InvitationRow>(TAKE_INVITATIONS_OF, [person.email])) {
      await join(tx, clock, invitation, person.person_id, 'oidc');
    }
    const tenant = await tenantToEnter(tx, person.person_id, undefined);
    if (!tenant) throw new Refused({ refused: 'not_invited' });
    return openSession(tx, clock, { tenantId: tenant.tenantId, personId: person.person_id, by: 'oidc', address });
  });
}

/** The account of an address that is shown to be the person's own; made when there is none. */
async function link(
  tx: Transaction,
  clock: Clock,
  identity: Identity,
): Promise<Pick<PersonRow, 'person_id' | 'email'>> {
  const { issuer, subject } = identity;
  if (identity.email === undefined || !identity.emailVerified) throw new Refused({ refused: 'unverified' });
  const email = normalEmail(identity.email);
  const [person] = await tx.query<PersonRow>(HOLD_PERSON, [email]);
  if (person) {
    // The address belonged to somebody else at the provider: it may have been given away since.
    if (person.oidc_subject !== null) throw new Refused({ refused: 'not_invited' });
    await tx.query(LINK_PERSON, [person.person_id, issuer, subject]);
    if (!person.email_verified) await endSessionsOf(tx, person.person_id);
    return person;
  }
  const personId = await insertPerson(tx, clock, { email, oidc: { issuer, subject } });
  if (personId === undefined) throw new Refused({ refused: 'not_invited' });
  return { person_id: personId, email };
}

async function insertPerson(
  tx: Transaction,
  clock: Clock,
  person: {
    readonly email: string;
    readonly hash?: string | undefined;
    readonly oidc?: { readonly issuer: string; readonly subject: string };
  },
): Promise<string | undefined> {
  const { email, hash, oidc } = person;
  const personId = newId('person', clock);
  const values = [personId, email, oidc !== undefined, hash ?? null, oidc?.issuer ?? null, oidc?.subject ?? null];
  const rows = await tx.query(INSERT_PERSON, values);
  return rows.length > 0 ? personId : undefined;
}

async function join(
  tx: Transaction,
  clock: Clock,
  invitation: InvitationRow,
  personId: string,
  by: 'invitation' | 'oidc',
): Promise<void> {
  const { tenant_id: tenantId, email, role } = invitation;
  const [joined] = await tx.query(INSERT_MEMBER, [tenantId, personId, email, role]);
  if (!joined) return;
  const data = { personId, role, by };
  await recordEvent(tx, clock, { tenantId, type: 'person.joined', subject: personId, actor: personId, data });
}

async function unlessRefused<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T | Refusal> {
  try {
    return await database.transaction(work);
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}
