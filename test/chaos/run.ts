import { checkDeliveries } from './check-deliveries.ts';
import { checkChain, checkEvents } from './check-events.ts';
import { checkObjects } from './check-objects.ts';
import { checkRecords } from './check-records.ts';
import { checkAuditCommand, checkRemains } from './check-remains.ts';
import { runClient } from './clients.ts';
import { History } from './history.ts';
import { Monkey, type Strike, type StrikeKind } from './monkey.ts';
import { Pictures } from './pictures.ts';
import { Random } from './random.ts';
import { QUIET_MS_MAX, repeatKeys, settle } from './settle.ts';
import { Subject } from './subject.ts';
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

export interface ChaosReport {
  readonly seed: number;
  readonly strikes: readonly Strike[];
  readonly history: History;
  readonly verdict: Verdict;
  readonly minutes: number;
  /** The data folder, kept when something was found. */
  readonly data: string | undefined;
}

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
  const monkey = new Monkey({
    subject,
    random: random.fork(),
    ...(onStrike && { onStrike: (strike, strikes) => onStrike(strike, strikes, history) }),
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
  monkey: Monkey,
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
  await checkAuditCommand(subject.data, verdict);
  await checkRemains(subject.data, verdict);
}

/** The part that asks a node that runs. */
export async function judgeRunning(
  subject: Subject,
  history: History,
  verdict: Verdict,
  { say = () => undefined, quietMsMax = QUIET_MS_MAX }: { say?: (what: string) => void; quietMsMax?: number } = {},
): Promise<void> {
  say('repeating every Idempotency-Key');
  await repeatKeys(subject, history, verdict);
  say('waiting for the last job');
  const retried = await settle(subject, verdict, quietMsMax);
  say(`fetching ${history.standing().length} uploads and their renditions`);
  await checkDeliveries(subject, history, verdict);
  say('holding rows, objects and events against each other');
  await subject.withDatabase(async (database) => {
    await checkRecords(database, history, verdict);
    await checkObjects(database, subject.data, verdict);
    await checkEvents(database, retried, verdict);
  });
  await checkChain(subject, verdict);
}
