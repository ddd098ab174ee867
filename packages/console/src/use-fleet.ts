import type { NodePage, Scaling } from '@safelight/contract';
import { createClient, type Fleet, SafelightError } from '@safelight/sdk';
import { useEffect, useState } from 'react';
import { type Decision, joined } from './fleet-history.ts';

export interface FleetSight {
  readonly nodes: NodePage['nodes'];
  /** Nodes beyond those that are listed. */
  readonly more: boolean;
  readonly scaling: Omit<Scaling, 'decisions' | 'next'>;
  /** The newest first, without a gap. */
  readonly decisions: readonly Decision[];
  /** Older changes of the size, too, the newest first. */
  readonly history: readonly Decision[];
}

/** As often as the autoscaler decides. */
const LOOK_EVERY_MS = 2_000;
const FIRST_DECISIONS = 500;
const LATER_DECISIONS = 50;
const CHANGES = 50;
const NODES_MAX = 200;

/** The routes of the operator, by a key. */
export function fleetOf(key: string): Fleet {
  // The page looks again by itself, and tells meanwhile what is wrong.
  return createClient({ baseUrl: location.origin, key, retry: { retriesMax: 0 } });
}

/** Looks at the fleet while the page is seen. @param onRefused the key does not open it any more. */
export function useFleet(key: string, onRefused: (error: SafelightError) => void) {
  const [sight, setSight] = useState<FleetSight>();
  const [lost, setLost] = useState<unknown>();
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const fleet = fleetOf(key);
    let seen: FleetSight | undefined;
    const turn = async () => {
      try {
        if (!document.hidden || !seen) seen = await look(fleet, seen, signal);
        setSight(seen);
        setLost(undefined);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof SafelightError && (error.status === 401 || error.status === 403)) return onRefused(error);
        setLost(error);
      }
      if (!signal.aborted) timer = window.setTimeout(turn, LOOK_EVERY_MS);
    };
    let timer = window.setTimeout(turn);
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [key, onRefused]);
  return { sight, lost };
}

async function look(fleet: Fleet, seen: FleetSight | undefined, signal: AbortSignal): Promise<FleetSight> {
  const [nodes, latest] = await Promise.all([
    fleet.nodes({ limit: NODES_MAX, signal }),
    fleet.scaling({ limit: seen ? LATER_DECISIONS : FIRST_DECISIONS, signal }),
  ]);
  const { decisions: fresh, next: _, ...scaling } = latest;
  // After a long sleep of the page the chart begins anew, rather than with a line across what it did not see.
  const isGap = seen !== undefined && (fresh.at(-1)?.id ?? 0) > (seen.decisions[0]?.id ?? 0);
  const decisions = isGap ? [...fresh] : joined(fresh, seen?.decisions ?? []);
  const older = seen?.history ?? (await fleet.scaling({ limit: CHANGES, changesOnly: true, signal })).decisions;
  return {
    nodes: nodes.nodes,
    more: nodes.next !== undefined,
    scaling,
    decisions,
    history: joined(decisions, older),
  };
}
