import { planPricesSchema, type UsageEvent } from '@safelight/contract';
import type { Database, Queryable } from '../db/database.ts';
import { DAY_MS, HOUR_MS } from './model.ts';
import { selectFirstHour, selectMeteredUntil } from './read.sql.ts';
import { readKnown, readNow } from './read.ts';
import { type Stretch, seriesOf } from './series.ts';
import { quantitiesOf } from './show.ts';

/** Counts of the last seconds of an hour may come this late. */
const SETTLED_MS = 5 * 60_000;
/** Of one look, however little was used. */
const SPAN_MS_MAX = 62 * DAY_MS;
const NO_PRICES = planPricesSchema.parse({});

interface UsageEventRange {
  /** The hour that was read last; milliseconds since the epoch. */
  readonly after: number | undefined;
  readonly limit: number;
}

interface UsageEventPage {
  readonly events: readonly UsageEvent[];
  /** The hour to go on behind; absent when there is nothing more yet. */
  readonly next: number | undefined;
}

/**
 * Usage as CloudEvents 1.0 in the shape that OpenMeter takes: one for each hour in which anything was used, once nothing
 * comes to it any more. The same hour has the same id and the same numbers however often it is read.
 */
export async function readUsageEvents(
  database: Pick<Database, 'query' | 'asTenant'>,
  tenantId: string,
  page: UsageEventRange,
): Promise<UsageEventPage> {
  // The place in the log of all tenants is no tenant's to see.
  const [metered] = await database.query<{ until: Date | number }>(selectMeteredUntil);
  return database.asTenant(tenantId, (tx) => readPage(tx, tenantId, page, Number(metered?.until ?? 0)));
}

async function readPage(
  tx: Queryable,
  tenantId: string,
  page: UsageEventRange,
  meteredUntil: number,
): Promise<UsageEventPage> {
  const now = await readNow(tx);
  const until = Math.min(now, meteredUntil) - SETTLED_MS;
  const end = Number.isFinite(until) ? Math.floor(until / HOUR_MS) * HOUR_MS : 0;
  const [first] = await tx.query<{ hour: Date | null }>(selectFirstHour, [tenantId]);
  const begin = first?.hour?.getTime();
  if (begin === undefined) return { events: [], next: undefined };
  const from = Math.max(begin, page.after === undefined ? 0 : Math.floor(page.after / HOUR_MS) * HOUR_MS + HOUR_MS);
  const to = Math.min(end, from + SPAN_MS_MAX);
  if (to <= from) return { events: [], next: undefined };
  const { stretches } = seriesOf(await readKnown(tx, tenantId, { from, to, now }, NO_PRICES), 'hour');
  const used = stretches.filter(({ usage }) => Object.values(usage).some((quantity) => quantity !== 0));
  const events = used.slice(0, page.limit);
  const isAll = events.length === used.length;
  const next = isAll ? (to < end ? to - HOUR_MS : undefined) : events.at(-1)?.from;
  return { events: events.map((stretch) => toEvent(tenantId, stretch)), next };
}

function toEvent(tenantId: string, { from, usage }: Stretch): UsageEvent {
  const time = new Date(from).toISOString();
  return {
    specversion: '1.0',
    id: `${tenantId}-${time.slice(0, 13)}`,
    source: 'safelight',
    type: 'safelight.usage.hour',
    subject: tenantId,
    time,
    datacontenttype: 'application/json',
    data: quantitiesOf(usage),
  };
}
