import { Random } from '../chaos/random.ts';
import { Agenda } from './agenda.ts';
import { Broken, type Incident, Ledger } from './ledger.ts';
import { SimNode } from './node.ts';
import { World } from './world.ts';

/** After this nobody is cut off, stops, dies by chance or sets a clock; what still fails, fails by its nature. */
const CALM_MS = 40_000;
/** A killer of nodes takes ten leases, and may have to wait for another one. */
const END_MS_MAX = 60 * 60_000;
const LOOK_EVERY_MS = 1_000;
const CLOCK_JUMP_MS_MAX = 90_000;
/** A date that was typed wrong. */
const CLOCK_LEAP_MS = 24 * 60 * 60_000;
const LEAP_SHARE = 0.3;

/**
 * One life of a queue: nodes with workers, people who ask, a network that loses and delays, clocks that jump, nodes
 * that stand still, are cut off and die; then calm, until all has ended. The same seed makes the same life.
 * @returns how often what happened, so that nobody trusts a life without trouble.
 * @throws Broken when a promise did not hold.
 */
export function simulateQueue(seed: number, log?: (line: string) => void): ReadonlyMap<Incident, number> {
  const random = new Random(seed);
  const agenda = new Agenda();
  const ledger = new Ledger();
  const world = new World(agenda, ledger, random, log);
  const nodes = Array.from(
    { length: 2 + Math.floor(random.next() * 2) },
    (_, index) => new SimNode(world, `node${index + 1}`, 1 + Math.floor(random.next() * 2)),
  );
  for (const node of nodes) node.start();
  times(random, 4, 16, () => agenda.after(random.between(0, 20_000), () => random.pick(nodes)?.ask()));
  times(random, 2, 9, () => agenda.after(random.between(0, CALM_MS / 2), () => misfortune(world, nodes)));
  times(random, 0, 4, () => agenda.after(random.between(0, 2 * CALM_MS), () => world.meddle()));
  let isOver = false;
  const look = () => {
    const jobs = [...world.queue.jobs.values()];
    const isEmpty = ledger.isSettled && jobs.every(({ state }) => state === 'dead');
    isOver = agenda.nowMs > 2 * CALM_MS && isEmpty && nodes.every((node) => node.isQuiet);
    if (!isOver) agenda.after(LOOK_EVERY_MS, look);
  };
  agenda.after(CALM_MS, look);
  while (!isOver && agenda.step(END_MS_MAX));
  ledger.settle(world.queue.jobs.values());
  if (!isOver) throw new Broken('P2: the nodes are not at rest');
  return ledger.incidents;
}

/** No misfortune lasts into the calm. */
function misfortune(world: World, nodes: readonly SimNode[]): void {
  const { random, agenda } = world;
  const node = random.pick(nodes);
  const ms = random.between(100, CALM_MS - agenda.nowMs);
  const kind = random.next();
  if (kind < 0.3) node?.cutOff(ms);
  else if (kind < 0.55) node?.pause(ms);
  else if (kind < 0.8) node?.crash();
  else world.jump(random.between(-1, 1) * (random.next() < LEAP_SHARE ? CLOCK_LEAP_MS : CLOCK_JUMP_MS_MAX));
}

function times(random: Random, least: number, most: number, what: () => void): void {
  const count = least + Math.floor(random.next() * (most - least + 1));
  for (let done = 0; done < count; done += 1) what();
}
