import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterServer } from '../support/cluster-server.ts';
import type { Fault, FaultProxy } from '../support/fault-proxy.ts';
import type { ClusterNode, ClusterSubject } from './cluster-subject.ts';
import { type Blow, type Blows, PAUSED } from './monkey.ts';
import { blowsOnNode, NODE_STRIKES } from './node-blows.ts';
import type { Random } from './random.ts';
import { until } from './struck-node.ts';

const MEMBER_STRIKES = {
  ...NODE_STRIKES,
  drain: 'SIGTERM for a node, which ends in time and is started again',
  clock: 'the clock of a node jumps, by half a minute to a day, and back',
  disk: 'the disk of a node is full for a while',
} as const;
const SERVER_STRIKES = {
  standby: 'SIGKILL for a standby, which comes back',
  primary: 'SIGKILL for the primary; the standby that has received most is promoted, the old one reseeded',
  reboot: 'SIGKILL for the primary, which comes back before anybody is promoted',
  pausePrimary: 'SIGSTOP for the primary, SIGCONT a moment later',
  depose: 'SIGSTOP for the primary, promotion of a standby, SIGCONT: two that take themselves for the writer',
  pauseStandby: 'SIGSTOP for a standby, SIGCONT a moment later',
  pauseStandbys: 'SIGSTOP for both standbys: no commit is acknowledged meanwhile',
  pauseStore: 'SIGSTOP for the object store, SIGCONT a moment later',
} as const;
const LINK_STRIKES = {
  databaseRefused: 'no server of the database can be reached by one node',
  databaseCut: 'connections of one node to the database are cut in the middle of an answer',
  databaseSlow: 'every second connection of one node to the database is slow',
  databaseStall: 'connections of one node to the database stand, and nothing passes; they never recover',
  partition: 'the same for longer than a lease',
  storeRefused: 'the object store cannot be reached by one node',
  storeCut: 'connections of one node to the object store are cut in the middle of an answer',
  storeSlow: 'every second connection of one node to the object store is slow',
  storeStall: 'connections of one node to the object store stand, and nothing passes; they never recover',
} as const;
export const CLUSTER_STRIKES = { ...MEMBER_STRIKES, ...SERVER_STRIKES, ...LINK_STRIKES } as const;
export type MemberStrike = keyof typeof MEMBER_STRIKES;
export type ServerStrike = keyof typeof SERVER_STRIKES;
export type LinkStrike = keyof typeof LINK_STRIKES;
export type ClusterStrike = keyof typeof CLUSTER_STRIKES;

/** Other things may be wrong with the same node meanwhile. */
const RECOVERY_MS_MAX = 120_000;
const JUMPS = ['+30', '-30', '+1h', '-1h', '+1d', '-1d'] as const;
const JUMP_MS = [3_000, 10_000] as const;
const FULL_MS = [2_000, 6_000] as const;
const BACK_MS = [300, 4_000] as const;
const PAUSE_MS = [500, 6_000] as const;
/** How long both claim to be the writer. */
const SPLIT_MS = [500, 3_000] as const;
const FAULT_MS = [1_000, 6_000] as const;
/** Longer than a lease. */
const PARTITION_MS = [16_000, 19_000] as const;
/** Until a network has forgotten the connections that stalled, and says so to whoever still asks. */
const FORGOTTEN_MS = [0, 12_000] as const;
const CUT_BYTES = [1, 20_000] as const;
const CUTS_MAX = 6;
const DELAY_MS = [20, 800] as const;

/** What can be done to a node, its clock and its disk; its links and its database have lanes of their own. */
export function blowsOnMember(node: ClusterNode, random: Random): Blows<MemberStrike> {
  const hand = blowsOnNode(node, random);
  return {
    ...hand,
    drain: async () => {
      const code = await node.stop();
      // 1 where what it waits for does not answer: an end that hangs is given up in time.
      if (code !== 0 && code !== 1) node.ownDeaths.push(`exit code ${code} on SIGTERM: ${node.said.slice(-1_000)}`);
      return { kills: 0, isTotal: true, recovered: () => node.restart() };
    },
    clock: async () => {
      const { clock } = node;
      if (!clock) return undefined;
      await clock.set(random.pick(JUMPS) ?? '+1h');
      await sleep(random.between(...JUMP_MS));
      await clock.set('+0');
      return PAUSED;
    },
    disk: async () => {
      if (node.disk === undefined) return undefined;
      await node.fillDisk();
      await sleep(random.between(...FULL_MS));
      await node.emptyDisk();
      return { kills: 0, recovered: () => isReady(node) };
    },
  };
}

/** What can be done to the servers that all nodes share, and what their operator does then. One blow at a time. */
export function blowsOnServers({ database, store, nodes }: ClusterSubject, random: Random): Blows<ServerStrike> {
  const writes = () => writesWork(database.primary, nodes);
  const killed = async (server: ClusterServer, comeBack: () => Promise<void>): Promise<Blow> => {
    await server.kill();
    return { kills: 1, isTotal: true, recovered: () => comeBack().then(writes) };
  };
  const startAgain = async (server: ClusterServer) => {
    await sleep(random.between(...BACK_MS));
    await server.start();
  };
  const pause = async (servers: readonly { pause(isPaused: boolean): void }[]): Promise<Blow> => {
    for (const server of servers) server.pause(true);
    await sleep(random.between(...PAUSE_MS));
    for (const server of servers) server.pause(false);
    return { kills: 0, isTotal: true, recovered: writes };
  };
  return {
    standby: async () => {
      const standby = random.pick(database.standbys);
      return standby && killed(standby, () => startAgain(standby));
    },
    primary: async () => {
      const former = database.primary;
      return killed(former, async () => {
        await database.promote();
        await writes();
        await database.rejoin(former);
      });
    },
    reboot: async () => killed(database.primary, () => startAgain(database.primary)),
    pausePrimary: async () => pause([database.primary]),
    depose: async () => {
      const former = database.primary;
      former.pause(true);
      await database.promote();
      former.pause(false);
      await sleep(random.between(...SPLIT_MS));
      return killed(former, () => database.rejoin(former));
    },
    pauseStandby: async () => pause(database.standbys.slice(0, 1)),
    pauseStandbys: async () => pause(database.standbys),
    pauseStore: async () => pause([store]),
  };
}

/** What can go wrong between one node and what it needs; its ways to the database and to the store have lanes of their own. */
export function blowsOnLinks(node: ClusterNode, random: Random): Blows<LinkStrike> {
  const strike = (links: readonly FaultProxy[], fault: () => Fault, ms: Span) => async () => {
    await faulty(links, fault(), random.between(...ms));
    const forgetting = forget(links, random.between(...FORGOTTEN_MS));
    return { kills: 0, recovered: () => Promise.all([isReady(node), forgetting]).then(() => undefined) };
  };
  const database = node.databaseLinks;
  const store = [node.storeLink];
  const refuse = (): Fault => ({ kind: 'refuse' });
  const stall = (): Fault => ({ kind: 'stall' });
  const slow = (): Fault => ({ kind: 'delay', ms: random.between(...DELAY_MS), nth: 2 });
  const cut = (): Fault => ({
    kind: 'cut',
    afterBytes: Math.floor(random.between(...CUT_BYTES)),
    times: Math.ceil(random.between(0, CUTS_MAX)),
  });
  return {
    databaseRefused: strike(database, refuse, FAULT_MS),
    databaseCut: strike(database, cut, FAULT_MS),
    databaseSlow: strike(database, slow, FAULT_MS),
    databaseStall: strike(database, stall, FAULT_MS),
    partition: strike(database, stall, PARTITION_MS),
    storeRefused: strike(store, refuse, FAULT_MS),
    storeCut: strike(store, cut, FAULT_MS),
    storeSlow: strike(store, slow, FAULT_MS),
    storeStall: strike(store, stall, FAULT_MS),
  };
}

type Span = readonly [number, number];

async function faulty(links: readonly FaultProxy[], fault: Fault, ms: number): Promise<void> {
  // Connections that stand already know nothing of a delay: they are opened anew.
  if (fault.kind === 'delay') for (const link of links) await link.set({ kind: 'refuse' });
  for (const link of links) await link.set(fault);
  await sleep(ms);
  for (const link of links) await link.set(undefined);
}

async function forget(links: readonly FaultProxy[], afterMs: number): Promise<void> {
  await sleep(afterMs);
  for (const link of links) link.resetStalled();
}

async function isReady(node: ClusterNode): Promise<void> {
  const { generation } = node;
  const isUp = async () => node.generation !== generation || (await node.readiness())?.status === 'ready';
  await until(isUp, `${node.data} is ready again`, RECOVERY_MS_MAX);
}

/** A standby acknowledges what the primary commits, and a node has found that primary. */
async function writesWork(primary: ClusterServer, nodes: readonly ClusterNode[]): Promise<void> {
  const isAcknowledged = async () => {
    const text = `SELECT FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'`;
    return (await primary.query(text).catch(() => [])).length > 0;
  };
  await until(isAcknowledged, 'a standby acknowledges', RECOVERY_MS_MAX);
  const isFound = async () => {
    const seen = await Promise.all(nodes.map((node) => node.readiness()));
    return seen.some((readiness) => readiness?.checks.database?.ok);
  };
  await until(isFound, 'a node finds the primary', RECOVERY_MS_MAX);
}
