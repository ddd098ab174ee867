import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import type { SealingKey } from '../events/index.ts';
import { fetchesOutside } from '../outbound/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { startEraser } from '../roles/eraser.ts';
import { startJanitorRole } from '../roles/janitor.ts';
import { startMeter } from '../roles/meter.ts';
import { startPresetKeeper } from '../roles/preset-keeper.ts';
import { startPurger } from '../roles/purger.ts';
import { startWebhooker } from '../roles/webhooker.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { loadKey } from './sealing.ts';

interface JanitorParts {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Starts what the role `janitor` does in the background. @returns what ends it, to be called in reverse order. */
export function startJanitors(config: Config, parts: JanitorParts): (() => Promise<void>)[] {
  const { database, store, log, metrics } = parts;
  const common = { database, clock: systemClock, log, metrics };
  const outside = fetchesOutside({ opened: config.SAFELIGHT_OUTBOUND_ALLOW });
  const { SAFELIGHT_PURGE_URL: url, SAFELIGHT_PURGE_TOKEN: token } = config;
  let key: Promise<SealingKey> | undefined;
  // The sealer of this node has made and published it.
  const keyOnce = () => {
    key ??= loadKey(config);
    return key;
  };
  const started = [
    startJanitorRole({ ...common, store }),
    startEraser({ ...common, store, key: keyOnce }),
    startWebhooker({ ...common, outside }),
    startMeter(common),
    startPresetKeeper(common),
    ...(url === undefined ? [] : [startPurger({ ...common, url, token })]),
  ];
  return started.map((one) => () => one.stop());
}
