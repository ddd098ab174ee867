import { createPublicKey, type KeyObject } from 'node:crypto';
import { ObjectExistsError, ObjectMissingError } from '../ports/object-store.ts';
import type { Anchors } from './anchor.ts';
import { type SealingKey, sealingKeyId } from './sealing-key.ts';

/**
 * The public half of every key that seals lies in the object store, so that whoever verifies knows the keys of all nodes.
 * Not in the database: who steals that one and rewrites the log could put a key of his own beside it.
 */
const PREFIX = 'system/sealing-keys/';
const KEYS_MAX = 1_000;
/** An Ed25519 public key as PEM has 113 bytes. */
const PEM_BYTES_MAX = 1_024;

/** Puts the public half where verifiers look. Once there it stays: what it has signed must remain verifiable. */
export async function publishSealingKey(anchors: Anchors, key: SealingKey): Promise<void> {
  for await (const { key: name } of anchors.list(PREFIX)) if (name === PREFIX + key.keyId) return;
  const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
  await anchors
    .put(PREFIX + key.keyId, Buffer.from(pem), { contentType: 'application/x-pem-file' })
    .catch((error: unknown) => {
      // Another node with the same key was faster.
      if (!(error instanceof ObjectExistsError)) throw error;
    });
}

/** Every published key whose name is its own; what is none is passed over, and what it signed will be found. */
export async function readPublishedKeys(anchors: Anchors): Promise<KeyObject[]> {
  const keys: KeyObject[] = [];
  for await (const { key: name } of anchors.list(PREFIX)) {
    if (keys.length === KEYS_MAX) throw new Error(`there are more than ${KEYS_MAX} objects below ${PREFIX}`);
    const key = await readKey(anchors, name);
    if (key && PREFIX + sealingKeyId(key) === name) keys.push(key);
  }
  return keys;
}

async function readKey(anchors: Anchors, name: string): Promise<KeyObject | undefined> {
  const body = await anchors.read(name).catch((error: unknown) => {
    if (error instanceof ObjectMissingError) return undefined;
    throw error;
  });
  if (!body) return undefined;
  if (body.bytes > PEM_BYTES_MAX) {
    body.stream.destroy();
    return undefined;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of body.stream) chunks.push(chunk as Buffer);
  try {
    return createPublicKey(Buffer.concat(chunks));
  } catch {
    return undefined;
  }
}
