import pg from 'pg';
import { nameOf } from './hosts.ts';

/** What a host says of itself. */
export interface Claim {
  readonly isWriter: boolean;
  /** Of a writer: grows by one at each promotion. */
  readonly timeline: number;
  /** The same for two addresses of one server. */
  readonly server: string;
}

interface Answer {
  readonly isReader: boolean;
  readonly file: string | null;
  readonly server: string;
}

/** A host that is paused or cut off neither answers nor refuses. */
const ANSWER_MS_MAX = 3_000;
/**
 * A WAL file's name begins with the timeline that is being written; the control file tells it only after the checkpoint
 * that follows a promotion.
 */
const ASK = `SELECT pg_is_in_recovery() AS "isReader", pg_postmaster_start_time()::text AS server,
  CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END AS file`;
const TIMELINE_DIGITS = 8;
const HEXADECIMAL = 16;

/** Asks one host, again and again, what it is; on a connection of its own that is kept between questions if `keeps`. */
export class HostWatch {
  readonly host: pg.ClientConfig;
  readonly name: string;
  /** Undefined while it does not answer. */
  claim: Claim | undefined;
  /** Why it does not. */
  complaint = 'was not asked yet';
  /** Whether it was asked, and answered or not. */
  isKnown = false;
  readonly #keeps: boolean;
  #client: pg.Client | undefined;

  constructor(host: pg.ClientConfig, keeps: boolean) {
    this.host = host;
    this.name = nameOf(host);
    this.#keeps = keeps;
  }

  /** Asks once, for at most three seconds; never rejects. */
  async ask(): Promise<void> {
    try {
      const { isReader, file, server } = await this.#question();
      const timeline = Number.parseInt(file?.slice(0, TIMELINE_DIGITS) ?? '0', HEXADECIMAL);
      this.claim = { isWriter: !isReader, timeline, server };
      this.complaint = isReader ? 'is a reader' : `claims to be the writer on timeline ${timeline}`;
    } catch (error) {
      this.#drop();
      const { message, code } = error as Error & { code?: string };
      this.complaint = message || code || 'does not answer';
      // A server that is full (class 53) is there, and what it was.
      if (!code?.startsWith('53')) this.claim = undefined;
    }
    if (!this.#keeps) this.#drop();
    this.isKnown = true;
  }

  close(): void {
    this.#drop();
  }

  async #question(): Promise<Answer> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX);
    try {
      return await Promise.race([this.#ask(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(): Promise<Answer> {
    const client = this.#client ?? (await this.#connect());
    const { rows } = await client.query<Answer>(ASK);
    const [answer] = rows;
    if (!answer) throw new Error('an empty answer');
    return answer;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ ...this.host, keepAlive: true });
    this.#client = client;
    // Found out with the next question; unheard, it would end the process.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client) cutConnection(client);
  }
}

/** Ends a connection without asking the server, which may be paused: what is under way on it fails as lost. */
export function cutConnection(client: pg.ClientBase): void {
  (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream.destroy();
}
