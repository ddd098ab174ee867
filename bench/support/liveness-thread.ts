import { parentPort, workerData } from 'node:worker_threads';
import { HttpClient } from './closed-loop.ts';

/** The other side of liveness.ts. A look that is still out does not keep the next from being sent. */
const EVERY_MS = 100;
const ANSWER_MS_MAX = 5_000;

const { url } = workerData as { url: string };
const client = new HttpClient(Math.ceil(ANSWER_MS_MAX / EVERY_MS));
const ms: number[] = [];
const looks: Promise<void>[] = [];
let failures = 0;

const look = async () => {
  try {
    const answer = await client.get(`${url}/healthz`, ANSWER_MS_MAX, {});
    if (answer.status === 200) ms.push(answer.ms);
    else failures += 1;
  } catch {
    failures += 1;
  }
};
const timer = setInterval(() => looks.push(look()), EVERY_MS);
parentPort?.once('message', async () => {
  clearInterval(timer);
  await Promise.all(looks);
  client.close();
  parentPort?.postMessage({ ms, failures });
});
