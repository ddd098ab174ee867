import { hotStatement, statement } from '../db/statement.ts';

/** By the unique index over digests; comes before a tenant is known, so as the system. $1 digest, $2 idle seconds. */
export const SELECT_SESSION = hotStatement(
  'select_session',
  `SELECT s.tenant_id, s.session_id, s.person_id, s.expires_at, m.email, m.role
   FROM sessions s JOIN memberships m USING (tenant_id, person_id)
   WHERE s.sha256 = $1 AND s.expires_at > now() AND s.seen_at > now() - $2::double precision * interval '1 second'`,
);

/** $1 tenant, $2 session, $3 person, $4 digest, $5 seconds at most. */
export const INSERT_SESSION = statement(
  'insert_session',
  `INSERT INTO sessions (tenant_id, session_id, person_id, sha256, expires_at)
   VALUES ($1, $2, $3, $4, now() + $5::double precision * interval '1 second')`,
);

/** All but the newest, by sessions_by_member. $1 tenant, $2 person, $3 how many stay. */
export const DROP_OLD_SESSIONS = statement(
  'drop_old_sessions',
  `DELETE FROM sessions WHERE tenant_id = $1 AND session_id IN (
     SELECT session_id FROM sessions WHERE tenant_id = $1 AND person_id = $2 ORDER BY session_id DESC OFFSET $3)`,
);

/** $1 digest. */
export const END_SESSION = statement('end_session', 'DELETE FROM sessions WHERE sha256 = $1');

/** In all tenants. $1 person. */
export const END_SESSIONS_OF = statement('end_sessions_of', 'DELETE FROM sessions WHERE person_id = $1');

/** $1 tenants, $2 sessions; both when the session was used last, and when its person was seen. */
export const TOUCH_SESSIONS = statement(
  'touch_sessions',
  `WITH seen AS (
     UPDATE sessions s SET seen_at = now() FROM unnest($1::text[], $2::text[]) AS used (tenant_id, session_id)
     WHERE s.tenant_id = used.tenant_id AND s.session_id = used.session_id
     RETURNING s.tenant_id, s.person_id
   )
   UPDATE memberships m SET last_seen_at = now() FROM (SELECT DISTINCT tenant_id, person_id FROM seen) s
   WHERE m.tenant_id = s.tenant_id AND m.person_id = s.person_id`,
);

/** $1 idle seconds. */
export const SWEEP_SESSIONS = statement(
  'sweep_sessions',
  `DELETE FROM sessions WHERE expires_at < now() OR seen_at < now() - $1::double precision * interval '1 second'`,
);
