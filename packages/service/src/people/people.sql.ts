import { statement } from '../db/statement.ts';

/** By the unique index over addresses. $1 e-mail. */
export const SELECT_PERSON = statement(
  'select_person_by_email',
  'SELECT person_id, email, email_verified, password_hash, oidc_subject FROM people WHERE email = $1',
);

/** The same, until the end of the transaction. $1 e-mail. */
export const HOLD_PERSON = statement(
  'hold_person_by_email',
  'SELECT person_id, email, email_verified, password_hash, oidc_subject FROM people WHERE email = $1 FOR UPDATE',
);

/** $1 issuer, $2 subject. */
export const SELECT_PERSON_BY_OIDC = statement(
  'select_person_by_oidc',
  `SELECT person_id, email, email_verified, password_hash, oidc_subject FROM people
   WHERE oidc_issuer = $1 AND oidc_subject = $2 FOR UPDATE`,
);

/** $1 person. */
export const SELECT_PERSON_BY_ID = statement(
  'select_person',
  'SELECT person_id, email, email_verified, password_hash, oidc_subject FROM people WHERE person_id = $1',
);

/** No row when somebody of that e-mail was quicker. */
export const INSERT_PERSON = statement(
  'insert_person',
  `INSERT INTO people (person_id, email, email_verified, password_hash, oidc_issuer, oidc_subject)
   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING RETURNING person_id`,
);

/** $1 person, $2 hash. */
export const SET_PASSWORD = statement(
  'set_person_password',
  'UPDATE people SET password_hash = $2 WHERE person_id = $1',
);

/**
 * A provider vouches for the address. A password that was set before anybody had is dropped: whoever set it may have
 * taken the address in advance. $1 person, $2 issuer, $3 subject.
 */
export const LINK_PERSON = statement(
  'link_person',
  `UPDATE people SET oidc_issuer = $2, oidc_subject = $3, email_verified = true,
     password_hash = CASE WHEN email_verified THEN password_hash END
   WHERE person_id = $1`,
);

/** Where a person belongs, in the order of names. $1 person. */
export const SELECT_TENANTS_OF = statement(
  'select_tenants_of_person',
  `SELECT t.tenant_id, t.slug FROM memberships m JOIN tenants t USING (tenant_id)
   WHERE m.person_id = $1 AND t.status NOT IN ('deleting', 'deleted') ORDER BY t.slug`,
);

/** Of those who belong nowhere nothing is kept; a day, so that nobody is swept on the way in. */
export const SWEEP_PEOPLE = statement(
  'sweep_people',
  `DELETE FROM people p WHERE p.created_at < now() - interval '1 day'
     AND NOT EXISTS (SELECT FROM memberships m WHERE m.person_id = p.person_id)`,
);
