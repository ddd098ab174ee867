import { GENESIS, link } from './chain.ts';

// The search for what was exchanged with what is quadratic.
const SUSPECTS_COMPARED_MAX = 200;

interface Suspect<Name> {
  readonly name: Name;
  readonly index: number;
  readonly previous: Uint8Array;
  readonly digest: Uint8Array;
  readonly hash: Uint8Array;
}

/** What a walk found: `changed` does not carry its own link, `reordered` carries the link of another place. */
export interface Broken<Name> {
  readonly name: Name;
  readonly kind: 'changed' | 'reordered';
}

/** Walks one chain in order of its index and tells what does not hold. Knows nothing of where the links are kept. */
export class ChainWalk<Name> {
  readonly gaps: { readonly from: number; readonly to: number }[] = [];
  readonly #suspects: Suspect<Name>[] = [];
  #index = 0;
  #hash = GENESIS;

  /** @param index greater than at the last step. */
  step(name: Name, index: number, digest: Uint8Array, hash: Uint8Array): void {
    // After a gap the link before this one is gone, and this one can be checked against nothing.
    if (index !== this.#index + 1) this.gaps.push({ from: this.#index + 1, to: index - 1 });
    else if (!equal(link(this.#hash, index, digest), hash)) {
      this.#suspects.push({ name, index, previous: this.#hash, digest, hash });
    }
    this.#index = index;
    this.#hash = hash;
  }

  /**
   * Names the culprits among the links that do not hold. A row that moved with its link breaks the next one too, which
   * is none itself: it holds as soon as the right link is put before it.
   */
  broken(): Broken<Name>[] {
    const found: Broken<Name>[] = [];
    const probable = new Map<number, readonly Uint8Array[]>();
    for (const suspect of this.#suspects) {
      const befores = probable.get(suspect.index - 1) ?? [suspect.previous];
      const own = befores.map((before) => link(before, suspect.index, suspect.digest));
      if (own.some((hash) => equal(hash, suspect.hash))) continue;
      const moved = this.#findMoved(suspect, befores);
      found.push({ name: suspect.name, kind: moved ? 'reordered' : 'changed' });
      probable.set(suspect.index, moved ? [moved] : [suspect.hash, ...own]);
    }
    return found;
  }

  /** The link that belongs here, if another suspect carries the content of this place. */
  #findMoved(suspect: Suspect<Name>, befores: readonly Uint8Array[]): Uint8Array | undefined {
    for (const other of this.#suspects.slice(0, SUSPECTS_COMPARED_MAX)) {
      if (other === suspect) continue;
      for (const before of befores) {
        const hash = link(before, suspect.index, other.digest);
        if (equal(hash, suspect.hash) || equal(hash, other.hash)) return hash;
      }
    }
    return undefined;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
