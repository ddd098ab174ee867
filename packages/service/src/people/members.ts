import type { PersonRole } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { isId, newId } from '../core/ids.ts';
import type { Transaction } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import {
  COUNT_MEMBERS,
  COUNT_OTHER_OWNERS,
  DELETE_INVITATION,
  DELETE_MEMBER,
  HOLD_MEMBERS,
  PUT_INVITATION,
  SELECT_INVITATION,
  SELECT_MEMBER,
  SELECT_MEMBER_BY_EMAIL,
  SELECT_MEMBERS,
  SET_ROLE,
} from './members.sql.ts';
import { type Member, normalEmail } from './model.ts';
import { newToken } from './sessions.ts';

/** Long enough for a week's leave of whoever is invited. */
const INVITATION_SECONDS_MAX = 14 * 24 * 60 * 60;
const MEMBERS_MAX = 1_000;

/** People cannot be changed as it was asked for. */
export class PeopleRefusedError extends Error {
  override readonly name = 'PeopleRefusedError';
  readonly reason: 'limit' | 'member_already' | 'last_owner';
  readonly limit = MEMBERS_MAX;
  constructor(reason: PeopleRefusedError['reason']) {
    super(
      {
        limit: `a tenant has ${MEMBERS_MAX} people at most, with those who are invited`,
        member_already: 'this person is a member already: change the role',
        last_owner: 'somebody must own the tenant: name another owner first',
      }[reason],
    );
    this.reason = reason;
  }
}

interface MemberRow {
  readonly id: string;
  readonly email: string;
  readonly role: PersonRole;
  readonly state: 'invited' | 'member';
  readonly since: Date;
  readonly expires_at: Date | null;
  readonly last_seen_at: Date | null;
}

interface OfTenant {
  readonly tenantId: string;
  /** Who does it. */
  readonly actor: string;
}

/** A page of the people of a tenant: those who are invited, then those who have come. */
export async function listMembers(
  tx: Transaction,
  tenantId: string,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<Member[]> {
  return (await tx.query<MemberRow>(SELECT_MEMBERS, [tenantId, page.after ?? '', page.limit])).map(toMember);
}

/** A person of the tenant, or an invitation, by id. */
export async function getMember(tx: Transaction, tenantId: string, id: string): Promise<Member | undefined> {
  const [row] = await tx.query<MemberRow>(isId('person', id) ? SELECT_MEMBER : SELECT_INVITATION, [tenantId, id]);
  return row && toMember(row);
}

/**
 * Invites somebody; whoever shows the token within a fortnight becomes a member.
 * @throws PeopleRefusedError
 */
export async function invite(
  tx: Transaction,
  clock: Clock,
  wish: OfTenant & { readonly email: string; readonly role: PersonRole },
): Promise<{ readonly member: Member; readonly token: string }> {
  const { tenantId, actor, role } = wish;
  const email = normalEmail(wish.email);
  await tx.query(HOLD_MEMBERS, [tenantId]);
  if ((await tx.query(SELECT_MEMBER_BY_EMAIL, [tenantId, email])).length > 0)
    throw new PeopleRefusedError('member_already');
  const [members] = await tx.query<{ count: number }>(COUNT_MEMBERS, [tenantId]);
  if ((members?.count ?? 0) >= MEMBERS_MAX) throw new PeopleRefusedError('limit');
  const { token, sha256 } = newToken(clock);
  const invitationId = newId('invitation', clock);
  const rows = await tx.query<MemberRow>(PUT_INVITATION, [
    tenantId,
    invitationId,
    email,
    role,
    sha256,
    INVITATION_SECONDS_MAX,
  ]);
  const data = { invitationId, role };
  await recordEvent(tx, clock, { tenantId, type: 'person.invited', subject: invitationId, actor, data });
  const [member] = rows.map(toMember);
  if (!member) throw new Error('an invitation just written is there');
  return { member, token };
}

/** @returns the person, or undefined when there is none of that id. @throws PeopleRefusedError */
export async function changeRole(
  tx: Transaction,
  clock: Clock,
  wish: OfTenant & { readonly personId: string; readonly role: PersonRole },
): Promise<Member | undefined> {
  const { tenantId, actor, personId, role } = wish;
  await tx.query(HOLD_MEMBERS, [tenantId]);
  if (role !== 'owner') await refuseLastOwner(tx, tenantId, personId);
  const [row] = await tx.query<MemberRow>(SET_ROLE, [tenantId, personId, role]);
  if (!row) return undefined;
  const data = { personId, role };
  await recordEvent(tx, clock, { tenantId, type: 'person.changed', subject: personId, actor, data });
  return toMember(row);
}

/** Takes a person out of the tenant, or an invitation back. @returns whether there was one. @throws PeopleRefusedError */
export async function removeMember(
  tx: Transaction,
  clock: Clock,
  wish: OfTenant & { readonly id: string },
): Promise<boolean> {
  const { tenantId, actor, id } = wish;
  await tx.query(HOLD_MEMBERS, [tenantId]);
  if (isId('person', id)) {
    if ((await tx.query(SELECT_MEMBER, [tenantId, id])).length === 0) return false;
    await refuseLastOwner(tx, tenantId, id);
    await tx.query(DELETE_MEMBER, [tenantId, id]);
  } else if ((await tx.query(DELETE_INVITATION, [tenantId, id])).length === 0) {
    return false;
  }
  const data = { personId: id };
  await recordEvent(tx, clock, { tenantId, type: 'person.removed', subject: id, actor, data });
  return true;
}

async function refuseLastOwner(tx: Transaction, tenantId: string, personId: string): Promise<void> {
  const [member] = await tx.query<MemberRow>(SELECT_MEMBER, [tenantId, personId]);
  if (member?.role !== 'owner') return;
  const [others] = await tx.query<{ count: number }>(COUNT_OTHER_OWNERS, [tenantId, personId]);
  if ((others?.count ?? 0) === 0) throw new PeopleRefusedError('last_owner');
}

function toMember(row: MemberRow): Member {
  return {
    id: row.id,
    email: row.email,
    role: row.role,
    state: row.state,
    since: row.since,
    expiresAt: row.expires_at ?? undefined,
    lastSeenAt: row.last_seen_at ?? undefined,
  };
}
