import { hotStatement } from '../db/statement.ts';

/** The log's link at one position; by the unique index. */
export const READ_LOG_HASH = hotStatement('event_log_hash', 'SELECT log_hash FROM events WHERE log_position = $1');
