import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Problem, uploadUrlsSchema } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectBound, expectImage, expectProblem, expectUrls, sendImage } from '../support/answers.ts';
import { auditObjects, expectNothingLeft } from '../support/leftovers.ts';
import { asSuperuser, withNodeDatabase } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers, postmasterOf, unfinishedFiles, workersOf } from '../support/processes.ts';
import { connectTo, FORM_TYPE, formBody, readAnswer } from '../support/raw-http.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

let node: Safelight;
let photo: Buffer;

beforeAll(async () => {
  photo = await smallPhoto();
  node = await Safelight.start({
    env: { SAFELIGHT_WORKERS: '1', SAFELIGHT_UPLOAD_IDLE_SECONDS: '2', SAFELIGHT_UPLOADS_MAX: '12' },
  });
});
afterAll(() => node.close());

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Begins an upload to `POST /` and sends the first bytes of its form. */
function beginUpload(bytes: number) {
  const body = formBody([{ name: 'image', filename: 'a.jpg', body: unlike(photo) }]);
  const socket = connectTo(node.url);
  const { host } = new URL(node.url);
  socket.write(
    `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${FORM_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body.subarray(0, bytes));
  return { socket, rest: body.subarray(bytes) };
}

describe('a client', () => {
  it('that stops half-way leaves nothing behind', async () => {
    const sockets = Array.from({ length: 5 }, () => beginUpload(20_000).socket);
    await until('the uploads have begun', () => unfinishedFiles(node).length === 5);
    for (const socket of sockets) socket.destroy();
    await expectNothingLeft(node);
  });

  it('that comes while as many of its tenant upload as may is told so with the bound, and the others go on', async () => {
    const uploads = Array.from({ length: 6 }, () => beginUpload(20_000));
    await until('the uploads have begun', () => unfinishedFiles(node).length === 6);
    await expectBound(await node.upload(photo), 'overloaded', { name: 'uploadsOfTenantMax', limit: 6 });
    for (const { socket, rest } of uploads) {
      socket.write(rest);
      await expectUrls(await readAnswer(socket));
    }
    await expectNothingLeft(node);
  });

  it('that ends its side of the connection half-way is told so, and leaves nothing behind', async () => {
    const { socket } = beginUpload(20_000);
    socket.end();
    await expectProblem(await readAnswer(socket), 'request_invalid');
    await expectNothingLeft(node);
  });

  it('that sends one byte a second is ended with 408 and the bound, and leaves nothing behind', async () => {
    const { socket, rest } = beginUpload(500);
    const answer = readAnswer(socket);
    const dripping = new AbortController();
    const drip = async () => {
      for (let at = 0; !dripping.signal.aborted; at += 1) {
        socket.write(rest.subarray(at, at + 1));
        await sleep(1_000, undefined, { signal: dripping.signal }).catch(() => undefined);
      }
    };
    const drops = drip();
    await expectBound(await answer, 'upload_timeout', { name: 'uploadRateMin', limit: 1024 });
    dripping.abort();
    await drops;
    socket.destroy();
    await expectNothingLeft(node);
  });

  it('that sends nothing any more is ended with 408 and the bound, and leaves nothing behind', async () => {
    const { socket } = beginUpload(30_000);
    await expectBound(await readAnswer(socket), 'upload_timeout', { name: 'uploadIdleMs', limit: 2_000 });
    await expectNothingLeft(node);
  });
});

describe('a worker', () => {
  it('that is killed in the middle of its job has it taken from it at once, and the job ends well', async () => {
    const [worker = 0] = await awaitWorkers(node, 1);
    process.kill(worker, 'SIGSTOP');
    const { id } = await expectImage(await sendImage(node, unlike(photo)));
    const jobs = () =>
      withNodeDatabase(node, (database) =>
        database.query<{ state: string; lease_token: number; crashes: number }>(
          'SELECT state, lease_token, crashes FROM jobs',
        ),
      );
    await until('the worker has the job', async () => (await jobs())[0]?.state === 'leased');
    process.kill(worker, 'SIGKILL');
    await until(
      'the job is claimed again, or done',
      async () => {
        const [job] = await jobs();
        return !job || (job.crashes === 1 && job.lease_token === 2);
      },
      2_000,
    );
    await until('it is ready', async () => (await expectImage(await node.fetch(`/v1/images/${id}`))).state === 'ready');
    await expectNothingLeft(node);
  });

  it('that dies of a picture each time gives up that picture alone, with the cause, and the others go on', async () => {
    const [worker = 0] = await awaitWorkers(node, 1);
    process.kill(worker, 'SIGSTOP');
    const killer = await expectImage(await sendImage(node, unlike(photo)));
    const harmless = await expectImage(await sendImage(node, unlike(photo)));
    const stateOf = async (id: string) => (await expectImage(await node.fetch(`/v1/images/${id}`))).state;
    await until('the picture is given up', async () => {
      for (const pid of workersOf(node)) process.kill(pid, 'SIGKILL');
      return (await stateOf(killer.id)) !== 'pending';
    });
    const { cause } = await expectProblem(await fetch(killer.urls.small ?? ''), 'rendition_failed');
    expect(cause).toMatchObject({ code: 'worker_crashed' });
    await until('the other is ready', async () => (await stateOf(harmless.id)) === 'ready');
    expect((await fetch(killer.urls.original ?? '')).status).toBe(200);
    await expectNothingLeft(node);
  });
});

describe('PostgreSQL', () => {
  it('that is killed under load comes back within seconds; nothing acknowledged is lost', async () => {
    const acknowledged: { sha256: string; original: string; small: string }[] = [];
    const refused: Problem[] = [];
    const ending = new AbortController();
    const upload = async () => {
      while (!ending.signal.aborted) {
        const bytes = unlike(photo);
        const response = await node.upload(bytes);
        if (response.status === 202) {
          const { original, small } = uploadUrlsSchema.parse(await response.json());
          acknowledged.push({ sha256: digest(bytes), original, small });
        } else refused.push(await expectProblem(response, 'database_unavailable'));
      }
    };
    const clients = Array.from({ length: 4 }, upload);
    for (let kill = 0; kill < 3; kill += 1) {
      const before = acknowledged.length;
      await until('uploads are acknowledged', () => acknowledged.length >= before + 5, 15_000);
      process.kill(postmasterOf(node) ?? 0, 'SIGKILL');
    }
    const last = acknowledged.length;
    await until('uploads are acknowledged again', () => acknowledged.length >= last + 5, 15_000);
    ending.abort();
    await Promise.all(clients);
    for (const { sha256, original, small } of acknowledged) {
      expect(digest(Buffer.from(await (await fetch(original)).arrayBuffer()))).toBe(sha256);
      expect((await fetch(small)).status).toBe(200);
    }
    expect((await auditObjects(node)).missing).toEqual([]);
  });

  it('that loses the answer to a commit takes no original away: the repeat finds it whole', async () => {
    const bytes = unlike(photo);
    // A commit that waits for a standby which does not exist is already durable here when it is cut off.
    await asSuperuser(node, `ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
    await asSuperuser(node, 'SELECT pg_reload_conf()');
    const first = node.upload(bytes);
    await until('the commit waits', async () => {
      const ended = await asSuperuser(
        node,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename <> 'postgres'`,
      );
      return ended.length > 0;
    });
    await asSuperuser(node, 'ALTER SYSTEM RESET synchronous_standby_names');
    await asSuperuser(node, 'SELECT pg_reload_conf()');
    const answer = await first;
    if (answer.status !== 202) await expectProblem(answer, 'database_unavailable');
    const { original, small } = await expectUrls(await node.upload(bytes));
    const delivered = await fetch(original);
    expect(delivered.status).toBe(200);
    expect(digest(Buffer.from(await delivered.arrayBuffer()))).toBe(digest(bytes));
    expect((await fetch(small)).status).toBe(200);
    expect((await auditObjects(node)).missing).toEqual([]);
  });
});
