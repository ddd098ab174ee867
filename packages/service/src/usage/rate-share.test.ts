import fc from 'fast-check';
import { expect, it } from 'vitest';
import { claimShare, SHARE_MS, type Shares } from './rate-share.ts';

const RATE = 100;

/** Nodes report in any order, at any time, with any demand; some fall silent. */
const reports = fc.array(
  fc.record({
    node: fc.integer({ min: 1, max: 6 }),
    wanted: fc.double({ min: 0, max: 1_000, noNaN: true }),
    afterMs: fc.integer({ min: 0, max: 2 * SHARE_MS }),
    nodesMin: fc.integer({ min: 1, max: 8 }),
  }),
  { maxLength: 60 },
);

function run(told: typeof reports extends fc.Arbitrary<infer T> ? T : never) {
  let shares: Shares = {};
  let now = 1_000_000;
  return told.map(({ node, wanted, afterMs, nodesMin }) => {
    now += afterMs;
    const claimed = claimShare(shares, { nodeId: `node_${node}`, wanted, rate: RATE, nodesMin, now });
    shares = claimed.shares;
    return { shares, now, held: claimed.held };
  });
}

it('what all nodes hold together never exceeds the rate, whatever they want and whenever they say so', () => {
  fc.assert(
    fc.property(reports, (told) => {
      for (const { shares, now, held } of run(told)) {
        const standing = Object.values(shares).filter(({ until }) => until > now);
        expect(standing.reduce((sum, share) => sum + share.held, 0)).toBeLessThanOrEqual(RATE * (1 + 1e-9));
        expect(held).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});

/** Each reports its wish twice, as nodes do again and again. */
function settle(wishes: readonly number[], from: Shares = {}, now = 0): Record<string, number> {
  let shares = from;
  for (let round = 0; round < 3; round += 1) {
    wishes.forEach((wanted, index) => {
      const claim = { nodeId: `node_${index}`, wanted, rate: RATE, nodesMin: wishes.length, now: now + round * 2_000 };
      shares = claimShare(shares, claim).shares;
    });
  }
  return Object.fromEntries(Object.entries(shares).map(([node, { held }]) => [node, Math.round(held)]));
}

it('a node alone has the whole rate', () => {
  expect(settle([0])).toEqual({ node_0: 100 });
  expect(settle([5_000])).toEqual({ node_0: 100 });
});

it('nodes that want as much get as much, and who wants nothing leaves most of it to the others', () => {
  expect(settle([500, 500])).toEqual({ node_0: 50, node_1: 50 });
  expect(settle([500, 0])).toEqual({ node_0: 90, node_1: 10 });
  expect(settle([500, 20, 500, 0])).toEqual({ node_0: 35, node_1: 25, node_2: 35, node_3: 5 });
});

it('a node that speaks first finds a part that nobody held, for every node that is up has one', () => {
  const alone = claimShare({}, { nodeId: 'node_0', wanted: 30, rate: RATE, nodesMin: 2, now: 0 });
  const second = claimShare(alone.shares, { nodeId: 'node_1', wanted: 0, rate: RATE, nodesMin: 2, now: 1 });
  expect(second.held).toBeGreaterThan(25);
});

it('what a dead node held is given to the others when its time is over, also when the clock was set back', () => {
  const both = claimShare({}, { nodeId: 'dead', wanted: 500, rate: RATE, nodesMin: 2, now: 0 }).shares;
  const claim = { nodeId: 'node_0', wanted: 500, rate: RATE, nodesMin: 1 };
  expect(claimShare(both, { ...claim, now: SHARE_MS - 1 }).held).toBeCloseTo(10);
  expect(claimShare(both, { ...claim, now: SHARE_MS }).held).toBe(RATE);
  expect(claimShare(both, { ...claim, now: -3_600_000 }).held).toBe(RATE);
});
