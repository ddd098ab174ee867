import { createHash } from 'node:crypto';
import { POSITION_HEADER } from '@safelight/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Reads, ServedBy } from '../db/database.ts';
import type { Lookup } from '../images/index.ts';
import type { HttpDeps } from './deps.ts';
import { existing } from './existing.ts';

/** What somebody has seen or done through this node. */
interface Known {
  readonly position: string;
  /** Whether he has seen something of which it is not known how new it is. */
  readonly isUnsure: boolean;
}

const CALLERS_MAX = 10_000;

/**
 * How new the answers to each caller have to be, where reads may be served by standbys: never older than what he says
 * that he has seen, nor than what this node has answered him. So who uses one node, with nothing but a key, reads what
 * he wrote.
 */
export class Positions {
  readonly #deps: Pick<HttpDeps, 'database' | 'metrics'>;
  readonly #known = new LRUCache<string, Known>({ max: CALLERS_MAX });

  constructor(deps: Pick<HttpDeps, 'database' | 'metrics'>) {
    this.#deps = deps;
  }

  /** Reads for the answer to `request`, which then tells how new it is. */
  reads(request: FastifyRequest, reply: FastifyReply): Reads {
    return this.#reads(request, reply, false);
  }

  /** One thing by its name. What a standby does not have yet may be there all the same, so its no is asked again. */
  async look<T>(request: FastifyRequest, reply: FastifyReply, find: (reads: Reads) => Promise<Lookup<T>>): Promise<T> {
    let served: ServedBy = 'writer';
    const lookup = await find(
      this.#reads(request, reply, false, (by) => {
        served = by;
      }),
    );
    const isSure = lookup.state !== 'missing' || served === ('writer' as ServedBy);
    return existing(isSure ? lookup : await find(this.#reads(request, reply, true)));
  }

  /** The caller is being told something that was read elsewhere: his next read sees everything. */
  unsettle(request: FastifyRequest): void {
    const caller = callerOf(request);
    if (!this.#deps.database.hasReaders || caller === undefined) return;
    this.#known.set(caller, { position: this.#known.get(caller)?.position ?? '', isUnsure: true });
  }

  /** Tells with every write where it stands in history. Costs nothing where one host alone is read and written. */
  register(app: FastifyInstance): void {
    const { database } = this.#deps;
    if (!database.hasReaders) return;
    app.addHook('onSend', async (request, reply) => {
      if (!isWritten(request, reply)) return;
      const from = this.#knownOf(request);
      // A write whose position is not known is a success all the same.
      const position = await database.position().catch(() => undefined);
      if (position === undefined) this.unsettle(request);
      else this.#note(request, reply, position, from);
    });
  }

  #reads(request: FastifyRequest, reply: FastifyReply, isStrong: boolean, onServed?: (by: ServedBy) => void): Reads {
    const { database, metrics } = this.#deps;
    if (!database.hasReaders) return database;
    const known = this.#knownOf(request);
    const told = request.headers[POSITION_HEADER];
    return database.reading({
      position: later(known?.position ?? '', isPosition(told) ? told : '') || undefined,
      isStrong: isStrong || request.headers.consistency === 'strong' || known?.isUnsure === true,
      onServed: (by, position) => {
        metrics.databaseReads.inc({ at: by });
        onServed?.(by);
        this.#note(request, reply, position, known);
      },
    });
  }

  #knownOf(request: FastifyRequest): Known | undefined {
    const caller = callerOf(request);
    return caller === undefined ? undefined : this.#known.get(caller);
  }

  /** @param from what was known when the answer began to be sought: what has unsettled the caller since still does. */
  #note(request: FastifyRequest, reply: FastifyReply, position: string, from: Known | undefined): void {
    reply.header(POSITION_HEADER, position);
    const caller = callerOf(request);
    if (caller === undefined) return;
    const now = this.#known.get(caller);
    const isUnsure = now?.isUnsure === true && now !== from;
    this.#known.set(caller, { position: later(now?.position ?? '', position), isUnsure });
  }
}

function isWritten(request: FastifyRequest, reply: FastifyReply): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(request.method) && reply.statusCode < 400;
}

/** Not every route that reads holds its headers against the contract. */
function isPosition(told: unknown): told is string {
  return typeof told === 'string' && /^[0-9A-F]{24}$/.test(told);
}

function later(one: string, other: string): string {
  return one > other ? one : other;
}

/** Who asks, without a secret in it; undefined for one who does not say. */
function callerOf(request: FastifyRequest): string | undefined {
  const secret = request.headers.authorization ?? request.headers.cookie;
  return secret === undefined ? undefined : createHash('sha256').update(secret).digest('base64');
}
