import { Counter, Gauge, type Registry } from 'prom-client';

/** What a node holds back, gives up or does twice, because something that it depends on is slow or away. */
export function congestionMetrics(common: { readonly registers: Registry[] }) {
  return {
    breakerOpen: new Gauge({
      name: 'safelight_breaker_open',
      help: 'Whether requests to the database or the object store are refused at once: 0 no, 1 yes, 0.5 one is tried.',
      labelNames: ['what'],
      ...common,
    }),
    retries: new Counter({
      name: 'safelight_retries_total',
      help: 'Requests to the object store and transactions of the database that were done again.',
      labelNames: ['what'],
      ...common,
    }),
    hedges: new Counter({
      name: 'safelight_hedged_reads_total',
      help: 'Reads that the object store was asked for a second time because the first answer was late.',
      ...common,
    }),
    archiveFailures: new Counter({
      name: 'safelight_archive_failures_total',
      help: 'Segments of the embedded database’s log that could not be archived at a try.',
      ...common,
    }),
    shed: new Counter({
      name: 'safelight_shed_total',
      help: 'Work that was refused because the node was overloaded: batch first, then uploads, then live renditions.',
      labelNames: ['work'],
      ...common,
    }),
    givenUp: new Counter({
      name: 'safelight_given_up_total',
      help: 'Requests whose work was not begun or not ended because the client had left or its deadline had passed.',
      labelNames: ['why'],
      ...common,
    }),
    databaseWaiting: new Gauge({
      name: 'safelight_database_waiting',
      help: 'Who waits for a connection to the database on this node.',
      ...common,
    }),
  };
}
