import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { writeDurably } from './durable.ts';
import { give } from './folder.ts';
import type { ServerUser } from './launch.ts';

/** sun_path holds 108 bytes on Linux and 104 on macOS, the final NUL among them. */
const SOCKET_PATH_BYTES_MAX = 100;
const TEMPORARY_PREFIX = 'safelight-postgres-';
/** The port is only part of the socket's name: nothing listens on the network. */
export const SOCKET_PORT = 5432;

/**
 * Where the server's socket lies: `directory/socket`, or a private temporary folder where that path would be too long.
 * The temporary one is written down before it is made, so that it is found and removed after any crash.
 */
export class SocketDirectory {
  readonly path: string;
  readonly #record: string;
  readonly #user: ServerUser | undefined;

  constructor(directory: string, user: ServerUser | undefined) {
    this.#record = join(directory, 'socket-directory');
    this.#user = user;
    this.#removeRecorded();
    const inside = join(directory, 'socket');
    this.path = fits(inside) ? inside : temporaryPath();
    if (this.path !== inside) writeDurably(this.#record, this.path);
    this.clear();
  }

  /** Empty, private and the server's own. No server may be running. */
  clear(): void {
    if (!existsSync(this.path)) {
      mkdirSync(this.path, { mode: 0o700 });
      give(this.path, this.#user);
    }
    for (const name of readdirSync(this.path)) rmSync(join(this.path, name), { force: true });
  }

  /** Removes the folder and the note of it. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
    rmSync(this.#record, { force: true });
  }

  #removeRecorded(): void {
    if (!existsSync(this.#record)) return;
    const stale = readFileSync(this.#record, 'utf8');
    if (basename(stale).startsWith(TEMPORARY_PREFIX) && isOurs(stale, this.#user)) {
      rmSync(stale, { recursive: true, force: true });
    }
    rmSync(this.#record, { force: true });
  }
}

function fits(directory: string): boolean {
  return Buffer.byteLength(join(directory, `.s.PGSQL.${SOCKET_PORT}`)) <= SOCKET_PATH_BYTES_MAX;
}

function temporaryPath(): string {
  const name = `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`;
  const preferred = join(tmpdir(), name);
  return fits(preferred) ? preferred : join('/tmp', name);
}

/** A folder, not a link, that belongs to us or to the server: in a shared /tmp the name alone proves nothing. */
function isOurs(path: string, user: ServerUser | undefined): boolean {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined || !facts.isDirectory()) return false;
  return facts.uid === process.getuid?.() || facts.uid === user?.uid;
}
