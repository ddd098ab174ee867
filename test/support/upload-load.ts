import { setTimeout as pause } from 'node:timers/promises';
import type { FleetNode, Installation } from './nodes.ts';
import { unlike } from './pictures.ts';
import { until } from './until.ts';

/** Between two uploads of a client: the queue grows, but is worked off in seconds. */
const PAUSE_MS = 150;

/** Clients that upload to nodes of an installation, one for each, and write down what was acknowledged and what failed. */
export class UploadLoad {
  readonly acknowledged: { readonly id: string; readonly by: string }[] = [];
  /** Of nodes that were not about to be killed. */
  readonly failedElsewhere: string[] = [];
  readonly #installation: Installation;
  readonly #photo: Buffer;
  readonly #doomed = new Set<FleetNode>();
  readonly #clients: Promise<void>[] = [];
  #isStopping = false;

  constructor(installation: Installation, photo: Buffer) {
    this.#installation = installation;
    this.#photo = photo;
  }

  /** One more client for each of the nodes. */
  start(...nodes: readonly FleetNode[]): void {
    for (const node of nodes) this.#clients.push(this.#upload(node));
  }

  /** The node is about to be killed: failures there are no surprise, and its client ends with the first. */
  leave(node: FleetNode): void {
    this.#doomed.add(node);
  }

  /** Waits for `count` more, of one node or of all together. */
  async acknowledges(count: number, node?: FleetNode): Promise<void> {
    const soFar = () => this.acknowledged.filter(({ by }) => !node || by === node.id).length;
    const before = soFar();
    await until(`${count} more uploads are acknowledged`, () => soFar() >= before + count);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#clients);
  }

  async #upload(node: FleetNode): Promise<void> {
    const headers = { ...this.#installation.tenant, 'content-type': 'image/jpeg' };
    while (!this.#isStopping) {
      const body = Uint8Array.from(unlike(this.#photo));
      try {
        const answer = await fetch(`${node.url}/v1/images`, { method: 'POST', headers, body });
        if (answer.status !== 202 && answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
        this.acknowledged.push({ id: ((await answer.json()) as { id: string }).id, by: node.id });
      } catch (error) {
        if (this.#doomed.has(node)) return;
        this.failedElsewhere.push(`${node.id}: ${String(error)}`);
      }
      await pause(PAUSE_MS);
    }
  }
}
