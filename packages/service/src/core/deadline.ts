/** Until when work is worth doing: nobody waits for what ends later. */
export interface Deadline {
  /** Fires when the time is up, or when whoever waited has gone; its reason is what to throw then. */
  readonly signal: AbortSignal;
  /** Milliseconds that are left; 0 or less when the time is up. */
  leftMs(): number;
}
