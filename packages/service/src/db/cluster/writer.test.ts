import { connect, createServer, type Server, type Socket } from 'node:net';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../../test/support/database.ts';
import { until } from '../../../../../test/support/until.ts';
import { Database, isConnectionLoss } from '../database.ts';
import { WaitingLineError } from './pool.ts';
import { NoWriterError } from './writer.ts';

const FAST_MS_MAX = 1_000;

describe('the way to the writer, of one host', () => {
  let test: TestDatabase;
  let gate: Gate;
  let database: Database;

  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await database.close();
    await gate.close();
  });
  afterAll(() => test.close());

  async function openThroughGate(): Promise<void> {
    gate = await Gate.open(test.service);
    const connection = { ...test.service, host: '127.0.0.1', port: gate.port };
    database = new Database({
      connection,
      connectionsMax: 2,
      waitingMax: 20,
      namedStatements: true,
      onError: () => undefined,
    });
    await database.query('SELECT 1');
  }

  it('is given up at once while the host is away, and found again when it is back', async () => {
    await openThroughGate();
    await gate.shut();
    await until('it is known to be away', () =>
      database.query('SELECT 1').then(
        () => false,
        (error: unknown) => error instanceof NoWriterError,
      ),
    );
    const startMs = performance.now();
    const refused = await Promise.all(
      Array.from({ length: 100 }, () => database.query('SELECT 1').catch((error: unknown) => error)),
    );
    expect(performance.now() - startMs).toBeLessThan(FAST_MS_MAX);
    expect(refused.every((error) => error instanceof NoWriterError && isConnectionLoss(error))).toBe(true);
    await gate.reopen();
    await until('it is found again', () => database.query('SELECT 1').then(() => true));
  });

  it('lets no more wait for a connection than may, and tells the rest', async () => {
    await openThroughGate();
    const { promise: release, resolve } = Promise.withResolvers<void>();
    const holders = [0, 1].map(() =>
      database.transaction(async (tx) => {
        await tx.query('SELECT 1');
        await release;
      }),
    );
    await until('both connections are in use', () => database.counts().idle === 0 && database.counts().total === 2);
    const asked = Array.from({ length: 30 }, () => database.query('SELECT 1').catch((error: unknown) => error));
    await until('the line is full', () => database.counts().waiting === 20);
    resolve();
    await Promise.all(holders);
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer instanceof WaitingLineError)).toHaveLength(10);
    expect(answers.filter(Array.isArray)).toHaveLength(20);
  });

  it('does the work again of a transaction that was cut off before its commit', async () => {
    await openThroughGate();
    let runs = 0;
    const rows = await database.transaction(async (tx) => {
      runs += 1;
      const seen = await tx.query('SELECT 1 AS one');
      if (runs === 1) gate.cut();
      await tx.query('SELECT 1');
      return seen;
    });
    expect({ rows, runs }).toEqual({ rows: [{ one: 1 }], runs: 2 });
  });

  it('does not do it again when the commit was sent and its answer lost', async () => {
    await openThroughGate();
    let runs = 0;
    const lost = database.transaction(async (tx) => {
      runs += 1;
      await tx.query('SELECT 1');
      gate.deafen();
    });
    await expect(lost).rejects.toSatisfy(isConnectionLoss);
    expect(runs).toBe(1);
  });
});

/** A loopback port before a server, which can be shut, and whose connections can be cut. */
class Gate {
  readonly #target: pg.ClientConfig;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  port = 0;

  private constructor(target: pg.ClientConfig) {
    this.#target = target;
    this.#server = createServer((socket) => this.#pass(socket));
  }

  static async open(target: pg.ClientConfig): Promise<Gate> {
    const gate = new Gate(target);
    await gate.reopen();
    return gate;
  }

  async reopen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address && typeof address === 'object') this.port = address.port;
  }

  async shut(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What is sent next ends the connections, and is not passed on. */
  deafen(): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners('data');
      socket.on('data', () => this.cut());
    }
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.shut();
  }

  #pass(socket: Socket): void {
    const { host, port } = this.#target;
    const server = connect(`${host}/.s.PGSQL.${port}`);
    const pair = [socket, server] as const;
    for (const [from, to] of [pair, [server, socket]] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk) => to.write(chunk));
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
