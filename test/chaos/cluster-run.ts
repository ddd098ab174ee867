import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkLeases } from './check-agreement.ts';
import { checkAuditCommand, checkRemains } from './check-remains.ts';
import { runClient } from './clients.ts';
import {
  blowsOnLinks,
  blowsOnMember,
  blowsOnServers,
  type ClusterStrike,
  type LinkStrike,
  type MemberStrike,
  type ServerStrike,
} from './cluster-blows.ts';
import { runFollower, runRenderer } from './cluster-clients.ts';
import { ClusterSubject } from './cluster-subject.ts';
import { History } from './history.ts';
import { type Blows, deckOf, Monkey, type Strike } from './monkey.ts';
import { Pictures } from './pictures.ts';
import { Random } from './random.ts';
import { type ChaosReport, judgeRunning } from './run.ts';
import { Verdict } from './verdict.ts';

export interface ClusterChaosOptions {
  readonly seed: number;
  readonly strikesMin: number;
  /** The monkeys rest after this time, however often they have struck. */
  readonly msMax: number;
  readonly clients: number;
  /** Mean pause of each client between two requests. */
  readonly paceMs: number;
  readonly decks: ClusterDecks;
  /** Milliseconds between two strikes at the same thing, at least and at most. */
  readonly restMs: readonly [number, number];
  readonly onStrike?: (
    strike: Strike<ClusterStrike>,
    strikes: readonly Strike<ClusterStrike>[],
    history: History,
  ) => void;
  readonly onPhase?: (what: string) => void;
}

/** Each lane is played by a monkey of its own, at the same time as the others; the members' and their links' by one for each node. */
export interface ClusterDecks {
  readonly member: readonly MemberStrike[];
  readonly servers: readonly ServerStrike[];
  readonly links: readonly LinkStrike[];
}

/** What takes long to be made good comes seldom. */
export const LONG_DECKS: ClusterDecks = {
  member: deckOf({
    ...{ worker: 5, poison: 1, probe: 2, node: 2, everything: 1, start: 1, drain: 1 },
    ...{ pauseWorker: 2, pauseNode: 1, clock: 3, disk: 3 },
  }),
  servers: deckOf({
    ...{
      standby: 3,
      primary: 2,
      reboot: 2,
      pausePrimary: 3,
      depose: 1,
      pauseStandby: 3,
      pauseStandbys: 2,
      pauseStore: 3,
    },
  }),
  links: deckOf({
    ...{ databaseRefused: 3, databaseCut: 4, databaseSlow: 2, databaseStall: 3, partition: 1 },
    ...{ storeRefused: 3, storeCut: 4, storeSlow: 2, storeStall: 3 },
  }),
};

/** Clients at work on three nodes and monkeys among them; then peace, and a look at everything. */
export async function runClusterChaos(options: ClusterChaosOptions): Promise<ChaosReport<ClusterStrike>> {
  const startedAt = performance.now();
  const say = options.onPhase ?? (() => undefined);
  const random = new Random(options.seed);
  const history = new History();
  const verdict = new Verdict();
  const strikes: Strike<ClusterStrike>[] = [];
  const pictures = await Pictures.make(random.fork());
  const subject = await ClusterSubject.start(random.fork());
  say(`three nodes, three PostgreSQL and an S3 server stand: ${subject.folder}`);
  try {
    await rage(subject, { random, pictures, history, strikes }, options);
    await judgeCluster(subject, history, verdict, say);
  } catch (error) {
    verdict.add('stuck', (error as Error).stack ?? String(error));
  }
  for (const { request, status, body } of history.wrongAnswers) verdict.add('answer', `${request}: ${status} ${body}`);
  for (const { ownDeaths } of subject.nodes) for (const death of ownDeaths) verdict.add('died', death);
  const keep = verdict.violations.length > 0;
  if (keep) await keepRows(subject).catch((error: Error) => say(`the rows cannot be kept: ${error.message}`));
  await subject.close(keep);
  const minutes = (performance.now() - startedAt) / 60_000;
  return { seed: options.seed, strikes, history, verdict, minutes, data: keep ? subject.folder : undefined };
}

interface Rage {
  readonly random: Random;
  readonly pictures: Pictures;
  readonly history: History;
  readonly strikes: Strike<ClusterStrike>[];
}

async function rage(subject: ClusterSubject, parts: Rage, options: ClusterChaosOptions): Promise<void> {
  const { random, history, strikes } = parts;
  const { decks, restMs, paceMs, strikesMin, msMax } = options;
  const over = new AbortController();
  const common = () => ({ subject, history, random: random.fork(), paceMs, signal: over.signal });
  const clients = Array.from({ length: options.clients }, (_, client) =>
    runClient({ ...common(), client, pictures: parts.pictures }),
  );
  clients.push(runRenderer(common()), runRenderer(common()), runFollower(common()), runFollower(common()));
  const deadline = performance.now() + msMax;
  let isBroken = false;
  const enough = () => isBroken || strikes.length >= strikesMin || performance.now() > deadline;
  const play = async <Kind extends ClusterStrike>(
    blowsBy: (random: Random) => Blows<Kind>,
    deck: readonly Kind[],
  ): Promise<void> => {
    const chance = random.fork();
    const onStrike = (strike: Strike<Kind>) => {
      strikes.push(strike);
      options.onStrike?.(strike, strikes, history);
    };
    await new Monkey({ blows: blowsBy(chance), random: chance, restMs, onStrike }).rage(deck, enough);
  };
  const lanes = [
    ...subject.nodes.map((node) => play((chance) => blowsOnMember(node, chance), decks.member)),
    play((chance) => blowsOnServers(subject, chance), decks.servers),
    // Two never set the same link.
    ...subject.nodes.flatMap((node) => [
      play((chance) => blowsOnLinks(node, chance), decks.links.filter(isOfStore)),
      play(
        (chance) => blowsOnLinks(node, chance),
        decks.links.filter((kind) => !isOfStore(kind)),
      ),
    ]),
  ];
  try {
    await Promise.all(lanes);
  } finally {
    isBroken = true;
    await Promise.allSettled(lanes);
    over.abort();
    await Promise.all(clients);
  }
}

function isOfStore(kind: LinkStrike): boolean {
  return kind.startsWith('store');
}

/** Everything that must hold in peace, on running nodes and after their end. */
async function judgeCluster(
  subject: ClusterSubject,
  history: History,
  verdict: Verdict,
  say: (what: string) => void,
): Promise<void> {
  say('peace: everything is whole again');
  // Not started anew: what these nodes went through must not have left them lame.
  await Promise.all(subject.nodes.map((node) => node.heal()));
  await judgeRunning(subject, history, verdict, { say });
  say('stopping the nodes, and looking at what remains');
  for (const code of await subject.stop()) verdict.add('remains', `a node ended with ${code} on SIGTERM`);
  for (const { data } of subject.nodes) await checkRemains(data, verdict);
  await subject.withDatabase((database) => checkLeases(database, verdict));
  await checkAuditCommand(subject.env, verdict);
}

/** What the database holds of pictures and jobs, beside what the nodes printed: to find out what happened. */
async function keepRows(subject: ClusterSubject): Promise<void> {
  await subject.withDatabase(async (database) => {
    for (const table of ['images', 'originals', 'renditions', 'jobs', 'events', 'idempotency_keys']) {
      const rows = await database.query<{ line: string }>(`SELECT row_to_json(t)::text AS line FROM ${table} t`);
      await writeFile(join(subject.folder, `${table}.jsonl`), rows.map(({ line }) => `${line}\n`).join(''));
    }
  });
}
