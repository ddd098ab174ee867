import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { countNodes, forgetNodes, listNodes, type NodeFacts, recordNode, removeNode } from './index.ts';

const NODE: NodeFacts = {
  nodeId: 'node_a',
  bootId: 'boot 1',
  state: 'up',
  roles: ['api', 'worker'],
  version: '1.2.3',
  schemaVersion: 11,
  workerProcesses: 2,
  memoryBytes: 2 ** 31,
  host: 'one',
  address: 'http://10.0.0.1:8080',
};

describe.each([18, 15] as const)('the registry of nodes on PostgreSQL %i', (major) => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase(major);
  });
  beforeEach(() => test.database.query('DELETE FROM nodes'));
  afterAll(() => test.close());

  const all = () => listNodes(test.database, { limit: 100 });
  const silence = (interval: string) =>
    test.database.query(`UPDATE nodes SET heartbeat_at = heartbeat_at - interval '${interval}'`);

  it('tells what each node said of itself', async () => {
    expect(await recordNode(test.database, NODE, true)).toBe(true);
    const [node] = await all();
    expect(node).toMatchObject(NODE);
    expect(node?.silentMs).toBeLessThan(5_000);
  });

  it('keeps when a run began while its heartbeats follow', async () => {
    await recordNode(test.database, { ...NODE, state: 'starting' }, true);
    const [first] = await all();
    await recordNode(test.database, NODE, false);
    const [second] = await all();
    expect(second).toMatchObject({ state: 'up', startedAt: first?.startedAt });
    expect(second?.heartbeatAt.getTime()).toBeGreaterThanOrEqual(first?.heartbeatAt.getTime() ?? Number.NaN);
  });

  it.each([
    ['14 s', 'up'],
    ['16 s', 'gone'],
    // The clock was set back after its last word.
    ['-1 hour', 'gone'],
  ])('after a silence of %s says: %s', async (interval, state) => {
    await recordNode(test.database, NODE, true);
    await silence(interval);
    expect(await all()).toMatchObject([{ nodeId: 'node_a', state }]);
    expect(await countNodes(test.database)).toEqual({
      states: { starting: 0, up: 0, draining: 0, gone: 0, [state]: 1 },
      supervisors: state === 'gone' ? 0 : 1,
    });
  });

  it('gives the row to a node that was restarted, and not back to what ran before', async () => {
    await recordNode(test.database, NODE, true);
    expect(await recordNode(test.database, { ...NODE, bootId: 'boot 2' }, true)).toBe(true);
    expect(await recordNode(test.database, NODE, false)).toBe(false);
    await removeNode(test.database, NODE);
    expect(await all()).toMatchObject([{ bootId: 'boot 2' }]);
  });

  it('knows a node again that was silent until it was forgotten', async () => {
    await recordNode(test.database, NODE, true);
    await silence('61 minutes');
    await forgetNodes(test.database);
    expect(await all()).toEqual([]);
    expect(await recordNode(test.database, NODE, false)).toBe(true);
    expect(await all()).toMatchObject([{ nodeId: 'node_a', state: 'up' }]);
  });

  it('forgets nobody who was heard within the hour', async () => {
    await recordNode(test.database, NODE, true);
    await silence('59 minutes');
    await forgetNodes(test.database);
    expect(await all()).toHaveLength(1);
  });

  it('waits for no disk: a heartbeat that a crash takes back is told again two seconds later', async () => {
    const setting = await test.database.transaction(async (tx) => {
      await recordNode(tx, NODE, true);
      return tx.query("SELECT current_setting('synchronous_commit') AS commit");
    });
    expect(setting).toEqual([{ commit: 'off' }]);
    const after = await test.database.query("SELECT current_setting('synchronous_commit') AS commit");
    expect(after).toEqual([{ commit: 'on' }]);
  });

  it('is read in pages', async () => {
    for (const nodeId of ['node_c', 'node_a', 'node_b']) await recordNode(test.database, { ...NODE, nodeId }, true);
    expect((await listNodes(test.database, { limit: 2 })).map(({ nodeId }) => nodeId)).toEqual(['node_a', 'node_b']);
    const rest = await listNodes(test.database, { after: 'node_b', limit: 2 });
    expect(rest.map(({ nodeId }) => nodeId)).toEqual(['node_c']);
  });
});
