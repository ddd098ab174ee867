import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import {
  loadSealingKey,
  publishSealingKey,
  readPublishedKeys,
  Sealer,
  type SealingKey,
  sealingKeyFromPem,
  sealingKeyId,
} from '../events/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';

const KEY_FILE = 'sealing-key.pem';

/** Starts the sealer of a node, whose public key is where verifiers find it before anything is signed. */
export async function startSealer(
  config: Config,
  deps: { readonly database: Database; readonly store: ObjectStore; readonly onError: (error: Error) => void },
): Promise<Sealer> {
  const { database, store, onError } = deps;
  const key = await loadKey(config);
  // A full disk must not keep the node from starting; the next start publishes it.
  await publishSealingKey(store, key).catch(onError);
  const sealer = new Sealer({ database, clock: systemClock, key, anchors: store, nodeId: randomUUID(), onError });
  sealer.start();
  return sealer;
}

/** The key of this node, made when it has none. */
export async function loadKey(config: Config): Promise<SealingKey> {
  const { SAFELIGHT_SEALING_KEY: pem, SAFELIGHT_DATA: data } = config;
  return pem === undefined ? loadSealingKey(join(data, KEY_FILE)) : sealingKeyFromPem(pem);
}

/** The public keys that this machine trusts: those that the operator pins, or its own and what the object store lists. */
export async function trustedKeys(config: Config, store: ObjectStore): Promise<SealingKey['publicKey'][]> {
  const own = await ownKey(config);
  const known = [...(own ? [own] : []), ...(await readPublishedKeys(store))];
  const { SAFELIGHT_SEALING_KEYS_TRUSTED: pinned } = config;
  return pinned ? known.filter((key) => pinned.has(sealingKeyId(key))) : known;
}

async function ownKey(config: Config): Promise<SealingKey['publicKey'] | undefined> {
  const { SAFELIGHT_SEALING_KEY: given, SAFELIGHT_DATA: data } = config;
  const pem =
    given ??
    (await readFile(join(data, KEY_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
      // A machine that only verifies has none.
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }));
  return pem === undefined ? undefined : sealingKeyFromPem(pem).publicKey;
}
