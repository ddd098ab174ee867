import { openObjectStore } from '../../packages/service/src/compose/object-store.ts';
import { checkFollows, checkPositions, checkRenderedOnce, checkRenders } from './check-agreement.ts';
import { checkDeliveries } from './check-deliveries.ts';
import { checkChain, checkEvents } from './check-events.ts';
import { checkObjects } from './check-objects.ts';
import { checkRecords } from './check-records.ts';
import { checkAuditCommand, checkRemains } from './check-remains.ts';
import { runClient } from './clients.ts';
import { History } from './history.ts';
import { Monkey, type Strike } from './monkey.ts';
import { Pictures } from './pictures.ts';
import { Random } from './random.ts';
import { QUIET_MS_MAX, repeatKeys, settle } from './settle.ts';
import { Subject } from './subject.ts';
import { blowsOnSubject, type StrikeKind } from './subject-blows.ts';
import type { Target } from './target.ts';
import { Verdict } from './verdict.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly clients: number;
  /** Mean pause of each client between two requests. */
  readonly paceMs: number;
  readonly deck: readonly StrikeKind[];
  readonly killsMin: number;
  /** The monkey rests after this time, whatever it has killed. */
  readonly msMax: number;
  readonly onStrike?: (strike: Strike, strikes: readonly Strike[], history: History) => void;
  readonly onPhase?: (what: string) => void;
}

export interface ChaosReport<Kind extends string = StrikeKind> {
  readonly seed: number;
  readonly strikes: readonly Strike<Kind>[];
  readonly history: History;
  readonly verdict: Verdict;
  readonly minutes: number;
  /** The data folder, kept when something was found. */
  readonly data: string | undefined;
}

/** Where the monkey strikes one thing after the other. */
const REST_MS = [50, 700] as const;

/** Clients at work and a monkey among them; then peace, and a look at everything. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const startedAt = performance.now();
  const say = options.onPhase ?? (() => undefined);
  const random = new Random(options.seed);
  const pictures = await Pictures.make(random.fork());
  const history = new History();
  const verdict = new Verdict();
  const subject = await Subject.start({ env: { SAFELIGHT_WORKERS: '2', SAFELIGHT_LOG_LEVEL: 'error' } });
  const { onStrike } = options;
  const chance = random.fork();
  const monkey: Monkey<StrikeKind> = new Monkey({
    ...{ blows: blowsOnSubject(subject, chance), random: chance, restMs: REST_MS },
    ...(onStrike && { onStrike: (strike) => onStrike(strike, monkey.strikes, history) }),
  });
  try {
    await rage(monkey, subject, { random, pictures, history }, options);
    say('peace: the clients rest, the node is stopped and started once more');
    if ((await subject.stop()) !== 0) verdict.add('remains', 'the node did not end in good order on SIGTERM');
    await subject.restart();
    await judge(subject, history, verdict, say);
  } catch (error) {
    verdict.add('stuck', `${(error as Error).stack}\n${subject.output.join('').slice(-2_000)}`);
  }
  for (const { request, status, body } of history.wrongAnswers) verdict.add('answer', `${request}: ${status} ${body}`);
  for (const death of subject.ownDeaths) verdict.add('died', death);
  const keep = verdict.violations.length > 0;
  await subject.close(keep);
  return {
    seed: options.seed,
    strikes: monkey.strikes,
    history,
    verdict,
    minutes: (performance.now() - startedAt) / 60_000,
    data: keep ? subject.data : undefined,
  };
}

async function rage(
  monkey: Monkey<StrikeKind>,
  subject: Subject,
  parts: { readonly random: Random; readonly pictures: Pictures; readonly history: History },
  options: ChaosOptions,
): Promise<void> {
  const over = new AbortController();
  const { killsMin, msMax, deck, paceMs } = options;
  const clients = Array.from({ length: options.clients }, (_, client) =>
    runClient({ ...parts, subject, client, random: parts.random.fork(), paceMs, signal: over.signal }),
  );
  const deadline = performance.now() + msMax;
  try {
    await monkey.rage(deck, () => monkey.kills >= killsMin || performance.now() > deadline);
  } finally {
    over.abort();
    await Promise.all(clients);
  }
}

/** Everything that must hold in peace, on a running node and after its end. */
export async function judge(
  subject: Subject,
  history: History,
  verdict: Verdict,
  say: (what: string) => void = () => undefined,
): Promise<void> {
  await judgeRunning(subject, history, verdict, { say });
  say('stopping the node, and looking at what remains');
  if ((await subject.stop()) !== 0) verdict.add('remains', 'the node did not end in good order on SIGTERM');
  await checkRemains(subject.data, verdict);
  await checkAuditCommand({ SAFELIGHT_DATA: subject.data }, verdict);
  await checkRemains(subject.data, verdict);
}

/** The part that asks nodes that run. */
export async function judgeRunning(
  target: Target,
  history: History,
  verdict: Verdict,
  { say = () => undefined, quietMsMax = QUIET_MS_MAX }: { say?: (what: string) => void; quietMsMax?: number } = {},
): Promise<void> {
  say('repeating every Idempotency-Key');
  await repeatKeys(target, history, verdict);
  say('waiting for the last job');
  const retried = await settle(target, verdict, quietMsMax);
  say(`fetching ${history.standing().length} uploads and their renditions`);
  await checkDeliveries(target, history, verdict);
  await checkRenders(target, history, verdict);
  say('holding rows, objects and events against each other');
  const store = await openObjectStore(target.config);
  await target.withDatabase(async (database) => {
    await checkRecords(database, history, verdict);
    await checkObjects(database, store, verdict);
    await checkEvents(database, retried, verdict);
    await checkRenderedOnce(database, verdict);
    await checkPositions(database, verdict);
    await checkFollows(database, history, verdict);
  });
  await checkChain(target, verdict);
}
