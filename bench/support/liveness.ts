import { Worker } from 'node:worker_threads';

/** What a probe saw: milliseconds of each answer with 200, and how many looks had another one, or none in time. */
export interface Liveness {
  readonly ms: readonly number[];
  readonly failures: number;
}

/**
 * Asks `/healthz` every 100 ms until `stop`, from a thread of its own, so that what the bench itself is busy with is
 * not taken for the service's.
 */
export function watchLiveness(url: string): { stop(): Promise<Liveness> } {
  const worker = new Worker(new URL('./liveness-thread.ts', import.meta.url), { workerData: { url } });
  const answer = new Promise<Liveness>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return {
    stop: async () => {
      worker.postMessage('stop');
      const liveness = await answer;
      await worker.terminate();
      return liveness;
    },
  };
}
