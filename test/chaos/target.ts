import type { Config } from '../../packages/service/src/config.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import type { StruckNode } from './struck-node.ts';

/** What clients talk to and the checker looks at: one node, or several that are one service. */
export interface Target {
  readonly nodes: readonly StruckNode[];
  /** What a command of this installation is told. */
  readonly config: Config;
  /** Statuses by which a good request may be refused, for what is done now or was a moment ago. */
  readonly excused: ReadonlySet<number>;
  /** A request with the tenant's key to whatever node answers. @param path may be a whole URL of any node, a former one too. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** The same to this one. */
  requestAt(node: StruckNode, path: string, init?: RequestInit): Promise<Response>;
  /** Runs `work` on a connection as the service's own login, which sees every tenant. */
  withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T>;
}
