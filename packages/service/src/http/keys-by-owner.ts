/** Which keys of a cache belong to whom, so that they can be dropped together. As large as the cache, and no larger. */
export class KeysByOwner {
  readonly #keys = new Map<string, Set<string>>();

  add(owner: string, key: string): void {
    const keys = this.#keys.get(owner);
    if (keys) keys.add(key);
    else this.#keys.set(owner, new Set([key]));
  }

  delete(owner: string, key: string): void {
    const keys = this.#keys.get(owner);
    if (keys?.delete(key) && keys.size === 0) this.#keys.delete(owner);
  }

  /** A copy: the keys may be deleted while they are walked. */
  of(owner: string): readonly string[] {
    return [...(this.#keys.get(owner) ?? [])];
  }

  get owners(): number {
    return this.#keys.size;
  }
}
