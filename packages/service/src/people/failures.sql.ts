import { statement } from '../db/statement.ts';

/**
 * Counts a try before anybody knows how it ends, so that a hundred at once count as a hundred; no row while locked. From
 * the $2nd failure on each locks for twice as long as the one before, $3 seconds at first and $4 at most; $5 seconds
 * without a try forget all. A lock that lies beyond twice the longest is of a clock that was set back. $1 digest.
 */
export const COUNT_TRY = statement(
  'log_in_count_try',
  `INSERT INTO log_in_failures AS f (subject_sha256, failures, last_at, locked_until)
   VALUES ($1, 1, clock_timestamp(), clock_timestamp())
   ON CONFLICT (subject_sha256) DO UPDATE SET
     failures = CASE WHEN f.last_at < clock_timestamp() - $5 * interval '1 second' THEN 1 ELSE f.failures + 1 END,
     last_at = clock_timestamp(),
     locked_until = clock_timestamp() + interval '1 second' * CASE
       WHEN f.last_at < clock_timestamp() - $5 * interval '1 second' OR f.failures + 1 < $2 THEN 0
       ELSE least($4::double precision, $3::double precision * 2 ^ least(f.failures + 1 - $2, 40)) END
   WHERE f.locked_until <= clock_timestamp() OR f.locked_until > clock_timestamp() + 2 * $4 * interval '1 second'
   RETURNING failures`,
);

/** $1 digest. */
export const READ_LOCK = statement(
  'log_in_read_lock',
  `SELECT extract(epoch FROM locked_until - clock_timestamp()) AS seconds FROM log_in_failures WHERE subject_sha256 = $1`,
);

/** The account's own failures are forgiven. $1 digest. */
export const FORGIVE_ACCOUNT = statement('log_in_forgive', 'DELETE FROM log_in_failures WHERE subject_sha256 = $1');

/**
 * Of an address this one try alone: whoever has an account of his own must not be able to wipe out what he failed at with
 * others. $1 digest, $2 failures that lock.
 */
export const FORGIVE_TRY = statement(
  'log_in_forgive_try',
  `UPDATE log_in_failures SET failures = failures - 1,
     locked_until = CASE WHEN failures - 1 < $2 THEN clock_timestamp() ELSE locked_until END
   WHERE subject_sha256 = $1`,
);

/** $1 seconds. */
export const SWEEP_FAILURES = statement(
  'log_in_sweep_failures',
  `DELETE FROM log_in_failures WHERE last_at < now() - $1 * interval '1 second' AND locked_until < now()`,
);
