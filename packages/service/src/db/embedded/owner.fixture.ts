/**
 * A process that owns a cluster, for tests to kill: `node owner.fixture.ts DIRECTORY`.
 * Prints one line of JSON when the server is ready; ends when its input does.
 */
import { startEmbeddedCluster } from './index.ts';

const directory = process.argv[2] ?? '';
const cluster = await startEmbeddedCluster({ directory, log: (line) => process.stderr.write(`${line}\n`) });
process.stdout.write(`${JSON.stringify({ pid: cluster.pid(), connection: cluster.connection })}\n`);
process.stdin.resume();
process.stdin.once('end', () => void cluster.stop());
