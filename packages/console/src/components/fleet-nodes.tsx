import type { NodePage } from '@safelight/contract';
import { formatSeconds } from '../fleet-words.ts';
import { formatBytes, formatTime } from '../words.ts';
import { TableHead } from './table-head.tsx';

interface FleetNodesProps {
  readonly nodes: NodePage['nodes'];
  /** There are nodes beyond these. */
  readonly more: boolean;
  readonly leader: string | undefined;
}

/** The registry. On a narrow screen each row is a card, whose cells say what they are. */
export function FleetNodes({ nodes, more, leader }: FleetNodesProps) {
  return (
    <section className="fleet-panel" aria-labelledby="fleet-nodes">
      <h2 id="fleet-nodes">
        {nodes.length}
        {more && '+'} {nodes.length === 1 ? 'node' : 'nodes'}
      </h2>
      <table className="fleet-table">
        <TableHead names={['Node', 'State', 'Roles', 'Workers', 'Version', 'Last heartbeat', 'Up since']} />
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id} className={`fleet-node-${node.state}`}>
              <th scope="row">
                {node.host}
                <small title={node.id}>
                  {node.address ?? `…${node.id.slice(-6)}`}
                  {node.id === leader && ' · decides'}
                </small>
              </th>
              <td data-name="State">
                <span className={`fleet-state fleet-state-${node.state}`}>{node.state}</span>
              </td>
              <td data-name="Roles">{node.roles.join(', ')}</td>
              <td data-name="Workers">
                {node.workerProcesses} <small>{formatBytes(node.memoryBytes)}</small>
              </td>
              <td data-name="Version">
                {node.version} <small>schema {node.schemaVersion}</small>
              </td>
              <td data-name="Last heartbeat">{formatSeconds(node.silentSeconds)} ago</td>
              <td data-name="Up since">{formatTime(node.startedAt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
