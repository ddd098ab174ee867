import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface Question {
  readonly url: URL;
  readonly method: 'GET' | 'PUT';
  readonly token: string | undefined;
  /** Certificates to trust, PEM, for this request alone. */
  readonly ca: string | undefined;
  readonly body: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const ASK_MS_MAX = 5_000;
/** A Scale has a few hundred bytes. */
const ANSWER_BYTES_MAX = 2 ** 20;

/**
 * One request of the Kubernetes API. Not `fetch`: that takes no certificate authority of its own, and the cluster's must
 * not be trusted for anything else that this process speaks to.
 * @throws when there is no answer in time.
 */
export async function ask({ url, method, token, ca, body }: Question): Promise<Answer> {
  const request = url.protocol === 'http:' ? requestHttp : requestHttps;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request(
    url,
    {
      method,
      signal: AbortSignal.timeout(ASK_MS_MAX),
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
      ...(ca !== undefined && { ca }),
    },
    (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error('the answer is too long'));
      });
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    },
  );
  sent.once('error', reject);
  sent.end(body);
  return promise;
}
