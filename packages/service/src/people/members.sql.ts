// By primary keys, which begin with the tenant, or by the unique index over a token's digest; people of one tenant are a
// thousand at most, and whoever changes who they are takes a lock of the transaction first.
import { statement } from '../db/statement.ts';

const INVITED = `invitation_id AS id, email, role, 'invited' AS state, created_at AS since, expires_at,
  NULL::timestamptz AS last_seen_at`;
const MEMBER = `person_id AS id, email, role, 'member' AS state, created_at AS since, NULL::timestamptz AS expires_at,
  last_seen_at`;

/** A page by both primary keys: invitations (`inv_`), then people (`per_`). $1 tenant, $2 after, $3 limit. */
export const SELECT_MEMBERS = statement(
  'select_members',
  `SELECT * FROM (
     (SELECT ${INVITED} FROM invitations WHERE tenant_id = $1 AND invitation_id > $2 AND expires_at > now()
      ORDER BY invitation_id LIMIT $3)
     UNION ALL
     (SELECT ${MEMBER} FROM memberships WHERE tenant_id = $1 AND person_id > $2 ORDER BY person_id LIMIT $3)
   ) all_of_them ORDER BY id LIMIT $3`,
);

/** Of two that take away an owner at once the second sees what the first did. $1 tenant. */
export const HOLD_MEMBERS = statement(
  'hold_members',
  `SELECT pg_advisory_xact_lock(hashtextextended('members ' || $1, 0))`,
);

/** $1 tenant, $2 person. */
export const SELECT_MEMBER = statement(
  'select_member',
  `SELECT ${MEMBER} FROM memberships WHERE tenant_id = $1 AND person_id = $2`,
);

/** $1 tenant, $2 e-mail. */
export const SELECT_MEMBER_BY_EMAIL = statement(
  'select_member_by_email',
  `SELECT ${MEMBER} FROM memberships WHERE tenant_id = $1 AND email = $2`,
);

/** $1 tenant, $2 the person who does not count. */
export const COUNT_OTHER_OWNERS = statement(
  'count_other_owners',
  `SELECT count(*) AS count FROM memberships WHERE tenant_id = $1 AND person_id <> $2 AND role = 'owner'`,
);

/** $1 tenant. */
export const COUNT_MEMBERS = statement(
  'count_members',
  `SELECT (SELECT count(*) FROM memberships WHERE tenant_id = $1)
        + (SELECT count(*) FROM invitations WHERE tenant_id = $1 AND expires_at > now()) AS count`,
);

export const SET_ROLE = statement(
  'set_member_role',
  `UPDATE memberships SET role = $3 WHERE tenant_id = $1 AND person_id = $2 RETURNING ${MEMBER}`,
);

/** The sessions in this tenant go with it. */
export const DELETE_MEMBER = statement(
  'delete_member',
  'DELETE FROM memberships WHERE tenant_id = $1 AND person_id = $2',
);

/** Whoever is a member keeps the role. $1 tenant, $2 person, $3 e-mail, $4 role. */
export const INSERT_MEMBER = statement(
  'insert_member',
  `INSERT INTO memberships (tenant_id, person_id, email, role) VALUES ($1, $2, $3, $4)
   ON CONFLICT (tenant_id, person_id) DO NOTHING RETURNING person_id`,
);

/** A newer invitation takes the place of one for the same e-mail. $6 seconds. */
export const PUT_INVITATION = statement(
  'put_invitation',
  `INSERT INTO invitations AS i (tenant_id, invitation_id, email, role, sha256, expires_at)
   VALUES ($1, $2, $3, $4, $5, now() + $6::double precision * interval '1 second')
   ON CONFLICT (tenant_id, email) DO UPDATE SET invitation_id = excluded.invitation_id, role = excluded.role,
     sha256 = excluded.sha256, created_at = now(), expires_at = excluded.expires_at
   RETURNING ${INVITED}`,
);

/** $1 tenant, $2 invitation. */
export const SELECT_INVITATION = statement(
  'select_invitation',
  `SELECT ${INVITED} FROM invitations WHERE tenant_id = $1 AND invitation_id = $2`,
);

export const DELETE_INVITATION = statement(
  'delete_invitation',
  'DELETE FROM invitations WHERE tenant_id = $1 AND invitation_id = $2 RETURNING invitation_id',
);

/** By the unique index over digests; comes before a tenant is known, so as the system. $1 digest. */
export const SELECT_INVITATION_BY_TOKEN = statement(
  'select_invitation_by_token',
  'SELECT tenant_id, email, role FROM invitations WHERE sha256 = $1 AND expires_at > now()',
);

/** Of two who take it at once one gets the row. $1 digest. */
export const TAKE_INVITATION = statement(
  'take_invitation',
  'DELETE FROM invitations WHERE sha256 = $1 AND expires_at > now() RETURNING tenant_id, email, role',
);

/** In all tenants. $1 e-mail. */
export const TAKE_INVITATIONS_OF = statement(
  'take_invitations_of',
  'DELETE FROM invitations WHERE email = $1 AND expires_at > now() RETURNING tenant_id, email, role',
);

export const SWEEP_INVITATIONS = statement('sweep_invitations', 'DELETE FROM invitations WHERE expires_at < now()');
