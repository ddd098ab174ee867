import type { Queryable } from '../db/database.ts';
import { FORGOTTEN_MS, type NodeFacts, type RegisteredNode } from './model.ts';
import { COUNT_NODES, FORGET_NODES, LIST_NODES, RECORD_NODE, REMOVE_NODE } from './node.sql.ts';

/**
 * Tells the registry what a node is and that it lives now, by the database's clock.
 * @param begins whether this is the first word of a run, which takes the row over from whatever ran before.
 * @returns false when another process lives under the same node id: a data folder was copied.
 */
export async function recordNode(database: Queryable, node: NodeFacts, begins: boolean): Promise<boolean> {
  const rows = await database.query(RECORD_NODE, [
    node.nodeId,
    node.bootId,
    node.state,
    node.roles,
    node.version,
    node.schemaVersion,
    node.workerProcesses,
    node.memoryBytes,
    node.host,
    node.address,
    begins,
  ]);
  return rows.length > 0;
}

/** The node has ended in good order. */
export async function removeNode(database: Queryable, node: Pick<NodeFacts, 'nodeId' | 'bootId'>): Promise<void> {
  await database.query(REMOVE_NODE, [node.nodeId, node.bootId]);
}

/** @returns a page of at most `limit` nodes in the order of their ids, which is that of their first starts. */
export async function listNodes(
  database: Queryable,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<RegisteredNode[]> {
  return database.query<RegisteredNode>(LIST_NODES, [after, limit]);
}

interface NodeCensus {
  /** How many nodes are in each state; states without any are told with 0. */
  readonly states: Readonly<Record<RegisteredNode['state'], number>>;
  /** Those with worker processes that are not gone. */
  readonly supervisors: number;
}

export async function countNodes(database: Queryable): Promise<NodeCensus> {
  type Row = { state: RegisteredNode['state']; nodes: number; supervisors: number };
  const rows = await database.query<Row>(COUNT_NODES);
  const states = { starting: 0, up: 0, draining: 0, gone: 0 };
  for (const { state, nodes } of rows) states[state] = nodes;
  return { states, supervisors: rows.reduce((sum, row) => sum + row.supervisors, 0) };
}

/** Drops what is known of nodes that have been silent for an hour. */
export async function forgetNodes(database: Queryable): Promise<void> {
  await database.query(FORGET_NODES, [FORGOTTEN_MS]);
}
