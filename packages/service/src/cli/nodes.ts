import type { Command } from 'commander';
import { readNodes } from '../compose.ts';
import type { RegisteredNode } from '../fleet/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { bytesText, drawTable } from './table.ts';

const HEAD = ['node', 'state', 'roles', 'version', 'schema', 'workers', 'memory', 'host', 'address', 'heartbeat'];

export function addNodes(program: Command): void {
  program
    .command('nodes')
    .description('The nodes of the installation: their roles, versions and last heartbeats.')
    .option('--json', 'as JSON')
    .action(async (options: { readonly json?: true }) => {
      const nodes = await readNodes(readSettings({})).catch((error: Error) => {
        throw new ExitError(1, error.message, { cause: error });
      });
      console.log(options.json ? JSON.stringify(nodes, undefined, 2) : drawTable(HEAD, nodes.map(toRow)));
    });
}

function toRow(node: RegisteredNode): string[] {
  return [
    node.nodeId,
    node.state,
    node.roles.join(','),
    node.version,
    String(node.schemaVersion),
    String(node.workerProcesses),
    bytesText(node.memoryBytes),
    node.host,
    node.address ?? '',
    `${(node.silentMs / 1000).toFixed(1)} s ago`,
  ];
}
