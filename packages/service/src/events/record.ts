import { EVENTS, tellsAddress } from '@safelight/contract';
import { callerAddress } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import type { Transaction } from '../db/database.ts';
import { BATCH_EVENTS_MAX, EVENT_BYTES_MAX, type NewEvent } from './model.ts';
import { INSERT_EVENTS } from './record.sql.ts';
import { tellStale } from './stale.ts';

const SALT_BYTES = 32;

/** Tells the log of a change, in the change's own transaction. See {@link recordEvents}. */
export async function recordEvent(tx: Transaction, clock: Clock, event: NewEvent): Promise<void> {
  await recordEvents(tx, clock, [event]);
}

/**
 * Tells the log of changes, in their own transaction and in this order. They become readable once they are sealed,
 * a fraction of a second after the commit; whoever commits then gives the sealer a hint.
 * @throws InvariantError when an event is not of the catalogue's shape: a log that nobody edits takes no mistakes in.
 */
export async function recordEvents(tx: Transaction, clock: Clock, events: readonly NewEvent[]): Promise<void> {
  for (let start = 0; start < events.length; start += BATCH_EVENTS_MAX) {
    await insert(tx, clock, events.slice(start, start + BATCH_EVENTS_MAX));
  }
}

async function insert(tx: Transaction, clock: Clock, events: readonly NewEvent[]): Promise<void> {
  const rows = events.map((event) => ({ event, ...encode(event) }));
  await tx.query(INSERT_EVENTS, [
    events.map((event) => event.tenantId),
    events.map(() => newId('event', clock)),
    events.map((event) => event.type),
    events.map((event) => event.subject),
    events.map((event) => event.imageId ?? null),
    events.map((event) => event.actor),
    rows.map((row) => row.data),
    rows.map((row) => row.personal),
    rows.map((row) => (row.personal === null ? null : Buffer.from(clock.bytes(SALT_BYTES)))),
  ]);
  await tellStale(tx, events);
}

function encode(event: NewEvent): { data: string; personal: string | null } {
  const schemas = EVENTS[event.type];
  const data = schemas.data.safeParse(event.data);
  invariant(data.success, `the data of ${event.type} is not of its shape: ${data.error?.message}`);
  const address = tellsAddress(event.type) ? callerAddress() : undefined;
  const fields = address === undefined ? event.personal : { address, ...event.personal };
  const personal = fields === undefined ? undefined : schemas.personal.safeParse(fields);
  invariant(personal?.success !== false, `the personal fields of ${event.type} are not of their shape`);
  const texts = {
    data: JSON.stringify(data.data),
    personal: personal === undefined ? null : JSON.stringify(personal.data),
  };
  const bytes = Buffer.byteLength(texts.data) + Buffer.byteLength(texts.personal ?? '');
  invariant(bytes <= EVENT_BYTES_MAX, `a ${event.type} of ${bytes} bytes; an event has at most ${EVENT_BYTES_MAX}`);
  return texts;
}
