import { statement } from '../db/statement.ts';

/** The log's link at one position; by the unique index. */
export const READ_LOG_HASH = statement('event_log_hash', 'SELECT log_hash FROM events WHERE log_position = $1');
