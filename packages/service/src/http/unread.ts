import type { ServerResponse } from 'node:http';

/** As long as nginx lets a reader take nothing (send_timeout). */
const UNREAD_MS_MAX = 60_000;

/**
 * Cuts the connection of an answer whose reader takes no byte for this long while there are some to take: he would
 * hold its place, and the open object, for ever. Node sets its own timeout again when the answer has ended.
 */
export function endWhenUnread(answer: ServerResponse, msMax = UNREAD_MS_MAX): void {
  answer.setTimeout(msMax, () => answer.destroy());
}
