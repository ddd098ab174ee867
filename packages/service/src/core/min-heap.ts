/**
 * A binary heap: the smallest key comes out first, and of equal keys the smallest turn, which is the order of coming in
 * unless it is given. O(log n) each.
 */
export class MinHeap<T> {
  readonly #keys: number[] = [];
  readonly #turns: number[] = [];
  readonly #values: T[] = [];
  #turn = 0;

  get size(): number {
    return this.#keys.length;
  }

  /** The smallest key; Infinity when there is none. */
  get keyMin(): number {
    return this.#keys[0] ?? Number.POSITIVE_INFINITY;
  }

  push(key: number, value: T, turn = this.#turn): void {
    this.#turn += 1;
    let at = this.#keys.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isAfter(parent, key, turn)) break;
      this.#copy(parent, at);
      at = parent;
    }
    this.#put(at, key, turn, value);
  }

  /** Takes out the value of the smallest key. */
  pop(): T | undefined {
    const top = this.#values[0];
    const key = this.#keys.pop();
    const turn = this.#turns.pop();
    const value = this.#values.pop();
    const size = this.#keys.length;
    if (size === 0 || key === undefined || turn === undefined) return top;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.#isAfter(child, this.#keys[child + 1] ?? 0, this.#turns[child + 1] ?? 0)) child += 1;
      if (this.#isAfter(child, key, turn)) break;
      this.#copy(child, at);
      at = child;
    }
    this.#put(at, key, turn, value as T);
    return top;
  }

  #isAfter(at: number, key: number, turn: number): boolean {
    const own = this.#keys[at] ?? 0;
    return own > key || (own === key && (this.#turns[at] ?? 0) > turn);
  }

  #copy(from: number, to: number): void {
    this.#put(to, this.#keys[from] ?? 0, this.#turns[from] ?? 0, this.#values[from] as T);
  }

  #put(at: number, key: number, turn: number, value: T): void {
    this.#keys[at] = key;
    this.#turns[at] = turn;
    this.#values[at] = value;
  }
}
