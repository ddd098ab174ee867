import type { PlannedOutput } from './arrange.ts';

/**
 * How hard AVIF's encoder tries, from 0 to 9. At one quality and a slightly better likeness, bytes and CPU against
 * effort 0 (measured over 7 photographs and graphics of 800 and 2000 pixels): effort 1 has 0.94 and 3.1, effort 2 0.92
 * and 5, effort 3 0.88 and 8; effort 4, the library's own, takes 35 times the CPU. Pure, and without imports at run
 * time: the worker process decides by it, too.
 */
export function effortOf({ effort, searched }: Pick<PlannedOutput, 'effort' | 'searched'>, pixels: number): number {
  return effort ?? (searched && pixels <= SEARCHED_PIXELS_MAX ? 1 : 0);
}

/** Efforts that pay where nobody waits, the hardest first. */
export const UNHURRIED_EFFORTS = [3, 2] as const;

/** Somebody waits even for what is searched: a larger picture would take seconds more. */
const SEARCHED_PIXELS_MAX = 4_000_000;
