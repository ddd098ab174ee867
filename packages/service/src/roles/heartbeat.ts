import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { countNodes, forgetNodes, HEARTBEAT_MS, type NodeFacts, recordNode, removeNode } from '../fleet/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface HeartbeatDeps {
  readonly database: Database;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly node: Omit<NodeFacts, 'state' | 'address'>;
}

export interface Heartbeat {
  /** Nodes with worker processes, by the last census; 1 before the first. */
  readonly supervisors: number;
  /** All roles stand. @param address where the API listens, if it does. */
  up(address: string | undefined): Promise<void>;
  /** The node takes nothing new. A registry that cannot be told stops nobody. */
  drain(): Promise<void>;
  /** Takes the node out of the registry. */
  stop(): Promise<void>;
}

/** A census reads every node's row: with thousands of nodes, each of them must not do it with every heartbeat. */
const CENSUS_MS = 15_000;
/** How long an end waits for a registry that does not answer. */
const FAREWELL_MS_MAX = 1_000;

/** Tells the registry every two seconds that this node lives; the first word is told before this resolves. */
export async function startHeartbeat(deps: HeartbeatDeps): Promise<Heartbeat> {
  const pulse = new Pulse(deps);
  await pulse.begin();
  return pulse;
}

class Pulse implements Heartbeat {
  supervisors = 1;
  readonly #deps: HeartbeatDeps;
  readonly #ending = new AbortController();
  #state: Pick<NodeFacts, 'state' | 'address'> = { state: 'starting', address: null };
  #countedAt: number | undefined;
  #telling = Promise.resolve();
  #running: Promise<void> | undefined;

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
  }

  async begin(): Promise<void> {
    await this.#record(true);
    this.#running = this.#beat();
  }

  async up(address: string | undefined): Promise<void> {
    this.#state = { state: 'up', address: address ?? null };
    await this.#atMost(this.#record(false));
  }

  async drain(): Promise<void> {
    this.#state = { ...this.#state, state: 'draining' };
    await this.#atMost(this.#record(false));
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    const { database, node } = this.#deps;
    // After the last word, or that would put the node back.
    const silent = Promise.allSettled([this.#running, this.#telling]);
    await this.#atMost(silent.then(() => removeNode(database, node)));
  }

  async #beat(): Promise<void> {
    const { signal } = this.#ending;
    for (;;) {
      await pause(HEARTBEAT_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.#record(false)
        .then(() => this.#count())
        .catch((error: unknown) => this.#fail(error));
    }
  }

  /** One word after the other: an earlier state must not arrive behind a later one. */
  async #record(begins: boolean): Promise<void> {
    const earlier = this.#telling.catch(() => undefined);
    this.#telling = earlier.then(() => this.#tell(begins));
    await this.#telling;
  }

  async #tell(begins: boolean): Promise<void> {
    const { database, node, log } = this.#deps;
    const isOurs = await recordNode(database, { ...node, ...this.#state }, begins);
    if (!isOurs) log.error({ nodeId: node.nodeId }, 'another node runs under this id: a data folder was copied');
  }

  async #count(): Promise<void> {
    const { database, clock, metrics } = this.#deps;
    const now = clock.monotonic();
    if (this.#countedAt !== undefined && now - this.#countedAt < CENSUS_MS) return;
    this.#countedAt = now;
    await forgetNodes(database);
    const { states, supervisors } = await countNodes(database);
    this.supervisors = supervisors;
    for (const [state, nodes] of Object.entries(states)) metrics.nodes.set({ state }, nodes);
  }

  async #atMost(telling: Promise<void>): Promise<void> {
    const waiting = new AbortController();
    const told = telling.catch((error: unknown) => this.#fail(error)).finally(() => waiting.abort());
    const late = pause(FAREWELL_MS_MAX, undefined, { signal: waiting.signal }).catch(() => undefined);
    await Promise.race([told, late]);
  }

  #fail(error: unknown): void {
    const { metrics, log } = this.#deps;
    metrics.heartbeatFailures.inc();
    log.warn({ err: error }, 'the registry of nodes was not reached; the next heartbeat tries again');
  }
}
