import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, loadConfig } from '../../packages/service/src/config.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { withNodeDatabase } from '../support/node-database.ts';
import { StruckNode } from './struck-node.ts';
import type { Target } from './target.ts';

export interface SubjectOptions {
  /** A data folder to use and to keep; absent: a temporary one. */
  readonly data?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What an operator's kill excuses; every other refusal of a good request is wrong. */
export const EXCUSED_BY_KILLS: ReadonlySet<number> = new Set([409, 503]);

/** The Safelight that is maltreated: one data folder with an embedded database, and one node after the other on it. */
export class Subject extends StruckNode implements Target {
  readonly nodes = [this];
  readonly excused = EXCUSED_BY_KILLS;
  readonly #isTemporary: boolean;
  #key = '';

  private constructor(data: string, options: SubjectOptions) {
    super(data, options.env);
    this.#isTemporary = options.data === undefined;
  }

  static async start(options: SubjectOptions = {}): Promise<Subject> {
    const data = options.data ?? (await mkdtemp(join(tmpdir(), 'safelight-chaos-')));
    const subject = new Subject(data, options);
    await subject.restart();
    return subject;
  }

  get config(): Config {
    return loadConfig({ SAFELIGHT_DATA: this.data }, {}).config;
  }

  override async restart(): Promise<void> {
    await super.restart();
    this.#key ||= (await readFile(join(this.data, 'demo-key'), 'utf8')).trim();
  }

  request(path: string, init: RequestInit = {}): Promise<Response> {
    return this.requestAt(this, path, init);
  }

  requestAt(node: StruckNode, path: string, init: RequestInit = {}): Promise<Response> {
    return requestWith(node, `Bearer ${this.#key}`, path, init);
  }

  withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return withNodeDatabase(this, work);
  }

  /** Ends everything and removes a temporary data folder, unless somebody wants to look at it. */
  async close(keep = false): Promise<void> {
    await this.stop();
    if (this.#isTemporary && !keep) await rm(this.data, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Sends a request to a node, whichever node its URL was made by. */
export function requestWith(
  { url }: StruckNode,
  authorization: string,
  path: string,
  init: RequestInit,
): Promise<Response> {
  const { pathname, search } = new URL(path, 'http://any');
  const headers = new Headers(init.headers);
  headers.set('authorization', authorization);
  return fetch(`${url}${pathname}${search}`, { ...init, headers });
}
