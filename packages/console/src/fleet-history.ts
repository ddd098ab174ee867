import type { Scaling } from '@safelight/contract';

export type Decision = Scaling['decisions'][number];

/** Decisions that the page remembers; half an hour of a busy fleet, and hours of an idle one. */
const DECISIONS_MAX = 1_000;

/** Both lists as one, the newest first, each decision once. */
export function joined(some: readonly Decision[], others: readonly Decision[], most = DECISIONS_MAX): Decision[] {
  const byId = new Map([...some, ...others].map((decision) => [decision.id, decision]));
  return [...byId.values()].sort((a, b) => b.id - a.id).slice(0, most);
}

/** Decisions in a row that say the same. */
export interface Episode {
  readonly first: Decision;
  readonly last: Decision;
  readonly count: number;
}

/** The newest first. A change of size stands alone: it is what somebody looks for. */
export function episodes(decisions: readonly Decision[]): Episode[] {
  const found: Episode[] = [];
  for (const decision of decisions) {
    const episode = found.at(-1);
    if (episode && saysTheSame(episode.first, decision)) {
      found[found.length - 1] = { ...episode, first: decision, count: episode.count + 1 };
    } else {
      found.push({ first: decision, last: decision, count: 1 });
    }
  }
  return found;
}

function saysTheSame(a: Decision, b: Decision): boolean {
  return isHeld(a) && isHeld(b) && a.workers === b.workers && a.reason === b.reason && a.failure === b.failure;
}

function isHeld({ workers, workersBefore }: Decision): boolean {
  return workers === workersBefore;
}

/** What a line shows at a time, in milliseconds; null: nothing to show. */
export interface Point {
  readonly at: number;
  readonly value: number | null;
}

/** Oldest first. */
export function series(decisions: readonly Decision[], value: (decision: Decision) => number | null): Point[] {
  return decisions.map((decision) => ({ at: Date.parse(decision.at), value: value(decision) })).reverse();
}

/** Steps from point to point, for the `d` of an SVG path: each value holds until the next. */
export function stepPath(points: readonly Point[], x: (at: number) => number, y: (value: number) => number): string {
  let path = '';
  let drawn = false;
  for (const { at, value } of points) {
    if (drawn) path += `H${round(x(at))}`;
    if (value !== null) path += drawn ? `V${round(y(value))}` : `M${round(x(at))} ${round(y(value))}`;
    drawn = value !== null;
  }
  return path;
}

/** Where an axis ends: a round number that is at least `value`, and whose half is a whole one. */
export function axisMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [2, 4, 6, 10, 20].map((times) => times * power).find((end) => end >= value) ?? value;
}

/** `14:05:09`, as logs have it. */
export function clockTime(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
