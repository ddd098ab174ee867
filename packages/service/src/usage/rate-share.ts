/** What one node wants of a rate, what it holds, and until when: milliseconds by the database's clock. */
export interface Share {
  readonly wanted: number;
  readonly held: number;
  readonly until: number;
}

export type Shares = Readonly<Record<string, Share>>;

export interface Claim {
  readonly nodeId: string;
  /** Units per second that this node has been asked for lately. */
  readonly wanted: number;
  /** Units per second that all nodes together may use. */
  readonly rate: number;
  /** Nodes that may be asked at any moment, whether they have said so or not. */
  readonly nodesMin: number;
  /** By the database's clock. */
  readonly now: number;
}

/** So long does a node hold what it was given: who has not spoken by then is dead, or asked for nothing. */
export const SHARE_MS = 5_000;
/** Of the rate, for all nodes in equal parts whatever they want: whoever is asked first there finds something. */
const FLOOR = 0.2;
/** A node is given this much more than it was asked for, for it is asked now and then for more. */
const HEADROOM = 1.25;

/**
 * Gives a node its share of a rate. Each node has a floor; the rest goes by what they want (max-min fair: who wants
 * little gets that, the others equal parts), and what nobody wants is left in equal parts to all. A node is never given
 * what another still holds, so the sum of what is held never exceeds the rate: a share grows when another has shrunk.
 */
export function claimShare(standing: Shares, claim: Claim): { readonly shares: Shares; readonly held: number } {
  const { nodeId, rate, now } = claim;
  // One that ends further ahead than any can was written before the clock was set back.
  const others = Object.entries(standing).filter(
    ([id, { until }]) => id !== nodeId && until > now && until <= now + 2 * SHARE_MS,
  );
  const wants = [claim.wanted, ...others.map(([, { wanted }]) => wanted)];
  const count = Math.max(claim.nodesMin, wants.length);
  const floor = (rate * FLOOR) / count;
  const asked = wants.map((wanted) => Math.max(0, wanted * HEADROOM - floor));
  const given = maxMinFair(rate - floor * count, asked);
  const leftOver = rate - floor * count - given.reduce((sum, part) => sum + part, 0);
  const fair = floor + (given[0] ?? 0) + Math.max(0, leftOver) / count;
  const taken = others.reduce((sum, [, { held }]) => sum + held, 0);
  const held = Math.max(0, Math.min(fair, rate - taken));
  const shares = Object.fromEntries([...others, [nodeId, { wanted: claim.wanted, held, until: now + SHARE_MS }]]);
  return { shares, held };
}

/** Parts of `total` in the order of `asked`: nobody gets more than asked for, and nobody less than another who asked more. */
function maxMinFair(total: number, asked: readonly number[]): number[] {
  const given = asked.map(() => 0);
  const smallestFirst = asked.map((_, index) => index).sort((a, b) => (asked[a] ?? 0) - (asked[b] ?? 0));
  let left = total;
  smallestFirst.forEach((index, place) => {
    const part = Math.min(asked[index] ?? 0, left / (asked.length - place));
    given[index] = part;
    left -= part;
  });
  return given;
}
