import { statement } from '../db/statement.ts';

/** Holds by one row; what is over goes on the way. $1 id, $2 lease in ms. */
export const takeHold = statement(
  'take_removal_hold',
  `WITH over AS (DELETE FROM removal_holds WHERE lease_until < clock_timestamp())
   INSERT INTO removal_holds (hold_id, lease_until) VALUES ($1, clock_timestamp() + $2 * interval '1 ms')`,
);

/** No row when the lease was over: objects may have been removed since. $1 id, $2 lease in ms. */
export const renewHold = statement(
  'renew_removal_hold',
  `UPDATE removal_holds SET lease_until = clock_timestamp() + $2 * interval '1 ms'
   WHERE hold_id = $1 AND lease_until > clock_timestamp() RETURNING hold_id`,
);

export const endHold = statement('end_removal_hold', 'DELETE FROM removal_holds WHERE hold_id = $1');
export const endHolds = statement('end_removal_holds', 'DELETE FROM removal_holds');

/** A handful of rows. One that ends too far ahead is of a clock that was set back. $1 lease in ms. */
export const findHold = statement(
  'find_removal_hold',
  `SELECT EXISTS (
     SELECT FROM removal_holds
     WHERE lease_until > clock_timestamp() AND lease_until < clock_timestamp() + 2 * $1 * interval '1 ms'
   ) AS held`,
);
