import pg from 'pg';
import { nameOf } from './hosts.ts';
import { type PositionRow, SELECT_POSITION, timelineOf } from './position.ts';

/** What a host says of itself. */
export interface Claim {
  readonly isWriter: boolean;
  /** Grows by one at each promotion; 0 of a reader whose own is not known. */
  readonly timeline: number;
  /** Bytes of WAL, written or replayed; undefined where that is not told. */
  readonly lsn: number | undefined;
  /** The same for two addresses of one server. */
  readonly server: string;
}

interface Answer extends PositionRow {
  readonly server: string;
}

/** A host that is paused or cut off neither answers nor refuses. */
const ANSWER_MS_MAX = 3_000;
const ASK = `SELECT p.*, pg_postmaster_start_time()::text AS server FROM (${SELECT_POSITION.text}) p`;
/**
 * The timeline that a reader follows. What it receives now is told to members of `pg_read_all_stats` alone; the control
 * file tells it to everybody, but after a promotion only with the next checkpoint, minutes later.
 */
const ASK_TIMELINE = `SELECT greatest((SELECT received_tli FROM pg_stat_wal_receiver),
  (pg_control_checkpoint()).timeline_id, (pg_control_recovery()).min_recovery_end_timeline) AS timeline`;

/** Asks one host, again and again, what it is; on a connection of its own that is kept between questions where it is one of several. */
export class HostWatch {
  readonly host: pg.ClientConfig;
  readonly name: string;
  /** Undefined while it does not answer. */
  claim: Claim | undefined;
  /** Why it does not. */
  complaint = 'was not asked yet';
  /** Whether it was asked, and answered or not. */
  isKnown = false;
  readonly #isOneOfSeveral: boolean;
  #client: pg.Client | undefined;

  constructor(host: pg.ClientConfig, isOneOfSeveral: boolean) {
    this.host = host;
    this.name = nameOf(host);
    this.#isOneOfSeveral = isOneOfSeveral;
  }

  /** Asks once, for at most three seconds; never rejects. */
  async ask(): Promise<void> {
    try {
      this.claim = await this.#inTime(this.#question());
      const { isWriter, timeline } = this.claim;
      this.complaint = isWriter ? `claims to be the writer on timeline ${timeline}` : 'is a reader';
    } catch (error) {
      this.#drop();
      const { message, code } = error as Error & { code?: string };
      this.complaint = message || code || 'does not answer';
      // A server that is full (class 53) is there, and what it was.
      if (!code?.startsWith('53')) this.claim = undefined;
    }
    if (!this.#isOneOfSeveral) this.#drop();
    this.isKnown = true;
  }

  close(): void {
    this.#drop();
  }

  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX);
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #question(): Promise<Claim> {
    const client = this.#client ?? (await this.#connect());
    const { rows } = await client.query<Answer>(ASK);
    const [answer] = rows;
    if (!answer) throw new Error('an empty answer');
    const { isReader, lsn, file, server } = answer;
    const timeline = isReader && this.#isOneOfSeveral ? await timelineOfReader(client) : timelineOf(file);
    return { isWriter: !isReader, timeline, server, lsn: lsn === null ? undefined : Number(lsn) };
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

/** Not every vendor tells it: such a reader is there, and serves nothing. */
async function timelineOfReader(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ timeline: number | null }>(ASK_TIMELINE).catch((error: unknown) => {
    if (error instanceof pg.DatabaseError) return { rows: [] };
    throw error;
  });
  return rows[0]?.timeline ?? 0;
}
