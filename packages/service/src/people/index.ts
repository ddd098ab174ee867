/** People who log in: their passwords and sessions, where they belong and in what role, and how they are invited. */
export { acceptInvitation, type Identity, logInByOidc } from './join.ts';
export { changePassword, logIn } from './log-in.ts';
export { changeRole, getMember, invite, listMembers, PeopleRefusedError, removeMember } from './members.ts';
export type { Member, OpenedSession, PersonSession, Refusal } from './model.ts';
export { Passwords } from './passwords.ts';
export { hasPassword, tenantsOf } from './people.ts';
export { resetPassword } from './reset.ts';
export { endSession, findSession, touchSessions } from './sessions.ts';
export { sweepPeople } from './sweep.ts';
export { switchTenant } from './switch.ts';
