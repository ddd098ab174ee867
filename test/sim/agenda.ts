import { MinHeap } from '../../packages/service/src/core/min-heap.ts';

/** Simulated time: what is to happen next, in order, and nothing else. */
export class Agenda {
  readonly #due = new MinHeap<() => void>();
  nowMs = 0;

  after(ms: number, what: () => void): void {
    this.#due.push(this.nowMs + ms, what);
  }

  /** Lets the next thing happen. @returns false when nothing is left, or nothing before `untilMs`. */
  step(untilMs: number): boolean {
    if (this.#due.keyMin > untilMs) return false;
    this.nowMs = this.#due.keyMin;
    this.#due.pop()?.();
    return true;
  }
}
