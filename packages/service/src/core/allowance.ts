/**
 * Extra requests as a share of ordinary ones: each ordinary request earns a part of an extra one, and none is made
 * that was not earned. So a store that is ill is asked little more often than one that is well, however many retry.
 */
export class Allowance {
  readonly #share: number;
  readonly #heldMax: number;
  #held: number;

  /** @param held extra requests to begin with; @param heldMax how many can be saved up. */
  constructor(options: { readonly share: number; readonly heldMax: number; readonly held: number }) {
    this.#share = options.share;
    this.#heldMax = options.heldMax;
    this.#held = options.held;
  }

  earn(): void {
    this.#held = Math.min(this.#heldMax, this.#held + this.#share);
  }

  /** Takes one extra request; false when none is left. */
  spend(): boolean {
    if (this.#held < 1) return false;
    this.#held -= 1;
    return true;
  }
}
