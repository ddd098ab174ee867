import { planPricesSchema } from '@safelight/contract';
import { systemClock } from '../packages/service/src/core/clock.ts';
import { foldUsage, readUsage, recountUsage } from '../packages/service/src/usage/index.ts';
import { numberOption } from './support/number-option.ts';
import { QueueStand, tenantId } from './support/queue-stand.ts';
import { median, quantile } from './support/statistics.ts';

/**
 * Metering: a month of events of many tenants, from the sealed log to the rollup by the hour, with the time and the room
 * it takes; a recount that must agree; and what it takes to answer the month of a tenant, at its end and with every hour
 * used. Real PostgreSQL; the log is filled past the sealer, whose own figures are elsewhere.
 *
 *     node bench/metering.ts [--events 1000000] [--tenants 100] [--queries 200]
 */
const events = numberOption('--events', 1_000_000);
const tenants = numberOption('--tenants', 100);
const queries = numberOption('--queries', 200);
const MONTH_HOURS = 30 * 24;
const PRICES = planPricesSchema.parse({ renderSecond: 50, gbOut: 90_000, gbMonthStored: 23_000 });

const stand = await QueueStand.start();
try {
  const database = await stand.database('metering', 0, 4);
  const filling = performance.now();
  await database.transaction(async (tx) => {
    await tx.query(`SET LOCAL statement_timeout = 0`);
    // Evenly over the thirty days before now and over the tenants, of which each uses every hour.
    await tx.query(
      `INSERT INTO events (tenant_id, position, log_position, event_id, type, subject, actor, at, data, hash, log_hash)
       SELECT 'ten_' || lpad((n % $2)::text, 26, '0'), n / $2 + 1, n + 1, 'evt_' || n, 'rendition.ready', 'ren_' || n, 'system',
         date_trunc('hour', now(), 'UTC') - interval '720 hours' + n * interval '720 hours' / $1,
         jsonb_build_object('renditionId', 'ren_' || n, 'transformation', 'fit=max&w=400', 'format', 'jpeg', 'width', 400,
           'height', 300, 'bytes', 20000 + n % 1000, 'renderMs', 30 + n % 20, 'storedBytes', 20000 + n % 1000,
           'charge', jsonb_build_object('cpuMs', 30 + n % 20, 'pixels', 120000)),
         decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')
       FROM generate_series(0, $1 - 1) AS n`,
      [events, tenants],
    );
    await tx.query('UPDATE sealer_state SET log_position = $1', [events]);
  });
  await database.query('ANALYZE events');
  console.log(`filled the log in ${((performance.now() - filling) / 1_000).toFixed(1)} s (not a figure of ours)`);

  const folding = performance.now();
  const batches: number[] = [];
  for (let isMore = true; isMore; ) {
    const since = performance.now();
    ({ isMore } = await foldUsage(database, systemClock));
    batches.push(performance.now() - since);
  }
  const seconds = (performance.now() - folding) / 1_000;
  const recounting = performance.now();
  // The pictures themselves are not there: what is stored is not compared.
  const differences = (await recountUsage(database, undefined)).differences.filter(({ hour }) => hour !== null);
  const recounted = (performance.now() - recounting) / 1_000;
  if (differences.length > 0) process.exitCode = 1;

  const [sizes] = await database.query<{ log: number; rollup: number; rows: number; renders: number }>(
    `SELECT pg_total_relation_size('events') AS log,
       pg_total_relation_size('usage_hours') + pg_total_relation_size('usage_months') AS rollup,
       (SELECT count(*) FROM usage_hours) AS rows, (SELECT sum(renders) FROM usage_hours) AS renders`,
  );
  if (sizes?.renders !== events) process.exitCode = 1;
  const took: number[] = [];
  for (let query = 0; query < queries; query += 1) {
    const tenant = tenantId(query % tenants);
    const since = performance.now();
    const range = { by: 'day', from: systemClock.now() - MONTH_HOURS * 3_600_000 } as const;
    await database.asTenant(tenant, (tx) => readUsage(tx, tenant, range, PRICES));
    took.push(performance.now() - since);
  }
  const megabytes = (bytes = 0) => (bytes / 1e6).toFixed(1);
  console.log(`${events} events of ${tenants} tenants over ${MONTH_HOURS} hours:`);
  console.log(
    `  metered in ${seconds.toFixed(1)} s, ${Math.round(events / seconds)} events a second, batches of ${median(batches).toFixed(0)} ms`,
  );
  console.log(
    `  counted again in ${recounted.toFixed(1)} s, ${differences.length} differences; ${sizes?.renders} renders`,
  );
  console.log(`  rollup ${megabytes(sizes?.rollup)} MB in ${sizes?.rows} rows, log ${megabytes(sizes?.log)} MB`);
  console.log(
    `  a tenant's month with costs and forecast: ${median(took).toFixed(1)} ms (p50), ${quantile(took, 0.95).toFixed(1)} ms (p95)`,
  );
} finally {
  await stand.stop();
}
