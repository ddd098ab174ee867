import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Signs what the sealer vouches for (Ed25519, RFC 8032). The private half never enters the database. */
export interface SealingKey {
  /** Names the public half; see {@link sealingKeyId}. */
  readonly keyId: string;
  readonly publicKey: KeyObject;
  /** @returns 64 bytes. */
  sign(bytes: Uint8Array): Buffer;
}

const KEY_ID_DIGITS = 16;
const ID_SUFFIX_DIGITS = 12;

/**
 * Reads the key from a PEM file (PKCS #8), and makes the file, readable by its owner alone, when it is missing.
 * Of two processes that find it missing, one makes it and both read that one.
 */
export async function loadSealingKey(file: string): Promise<SealingKey> {
  const pem = await readFile(file, 'utf8').catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    await createKeyFile(file);
    return readFile(file, 'utf8');
  });
  return sealingKeyFromPem(pem);
}

/** The text that should be a sealing key is none; the message says why, and shows nothing of it. */
class SealingKeyError extends Error {
  override readonly name = 'SealingKeyError';
}

/** A sealing key from the text of a PEM file. @throws SealingKeyError when it is no Ed25519 private key. */
export function sealingKeyFromPem(pem: string): SealingKey {
  const privateKey = privateKeyFromPem(pem);
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new SealingKeyError(`the sealing key is ${privateKey.asymmetricKeyType}; it must be Ed25519`);
  }
  const publicKey = createPublicKey(privateKey);
  return { keyId: sealingKeyId(publicKey), publicKey, sign: (bytes) => sign(null, bytes, privateKey) };
}

function privateKeyFromPem(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new SealingKeyError('the sealing key cannot be read: it must be a private key in PEM form (PKCS #8)', {
      cause: error,
    });
  }
}

/** `seal_` and the first 64 bits, in hex, of the SHA-256 of the public key's DER form. */
export function sealingKeyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return `seal_${createHash('sha256').update(der).digest('hex').slice(0, KEY_ID_DIGITS)}`;
}

/** Checks signatures against the public keys that the caller trusts; a key that is not among them vouches for nothing. */
export function signatureCheck(
  publicKeys: readonly KeyObject[],
): (keyId: string, bytes: Uint8Array, signature: Uint8Array) => boolean {
  const byId = new Map(publicKeys.map((key) => [sealingKeyId(key), key]));
  return (keyId, bytes, signature) => {
    const key = byId.get(keyId);
    return key !== undefined && verify(null, bytes, key, signature);
  };
}

async function createKeyFile(file: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  // Written whole under another name, then linked: nobody reads half a key, and nobody replaces a whole one.
  const draft = `${file}.${sealingKeyId(publicKey).slice(-ID_SUFFIX_DIGITS)}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft);
  }
  await syncFolder(dirname(file));
}

/** Losing the name of a key that has already signed would look like a forgery later. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
