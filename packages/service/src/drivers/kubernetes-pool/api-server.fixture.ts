import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';

/**
 * What the OpenAPI document of Kubernetes 1.31 (api/openapi-spec/swagger.json of kubernetes/kubernetes) says of
 * `io.k8s.api.autoscaling.v1.Scale`, as far as a request can hold it: `apiVersion`, `kind`, `metadata` (ObjectMeta),
 * `spec.replicas` (int32) and `status` (`replicas`, required, and `selector`), none of them required, nothing else.
 * Fields of ObjectMeta that a client may send with a Scale are named; the rest of it would be refused here.
 */
const int32 = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1);
const scaleSchema = z.strictObject({
  apiVersion: z.literal('autoscaling/v1').optional(),
  kind: z.literal('Scale').optional(),
  metadata: z
    .strictObject({
      name: z.string().optional(),
      namespace: z.string().optional(),
      resourceVersion: z.string().optional(),
      uid: z.string().optional(),
      creationTimestamp: z.iso.datetime().optional(),
    })
    .optional(),
  spec: z.strictObject({ replicas: int32.optional() }).optional(),
  status: z.strictObject({ replicas: int32, selector: z.string().optional() }).optional(),
});

const PATH = '/apis/apps/v1/namespaces/pictures/deployments/safelight-worker/scale';
export const WORKLOAD = { namespace: 'pictures', resource: 'deployments', name: 'safelight-worker' } as const;

/** Stands in for an API server with one Deployment, whose pods follow its replicas a moment later. TLS, tokens, RBAC's answers. */
export class ApiServer {
  readonly accountDirectory = mkdtempSync(join(tmpdir(), 'safelight-account-'));
  readonly violations: string[] = [];
  /** Answers the next requests in place of the server; undefined: let it answer. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  token = 'first-token';
  requests = 0;
  #replicas = 0;
  #pods = 0;
  #version = 1;
  readonly #server;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    const [key, cert] = this.#makeCertificate();
    this.#server = createServer({ key, cert }, (request, response) => void this.#take(request, response));
    this.writeToken(this.token);
    // The controller of the Deployment: status follows spec.
    this.#timer = setInterval(() => {
      if (this.#pods === this.#replicas) return;
      this.#pods += Math.sign(this.#replicas - this.#pods);
      this.#version += 1;
    }, 20);
  }

  /** @returns where it listens. */
  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** As the kubelet does before a token expires; the server takes no other from now on. */
  writeToken(token: string): void {
    this.token = token;
    writeFileSync(join(this.accountDirectory, 'token'), `${token}\n`);
  }

  /** A pod is gone; the controller makes another. */
  killPod(): void {
    this.#pods -= 1;
    this.#version += 1;
  }

  get replicas(): number {
    return this.#replicas;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.accountDirectory, { recursive: true });
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const body = await text(request);
    if (this.answer(request, response)) return;
    if (request.headers.authorization !== `Bearer ${this.token}`) return refuse(response, 401, 'Unauthorized');
    if (request.url !== PATH) return refuse(response, 404, `the server could not find ${request.url}`);
    if (request.method === 'GET') return this.#tell(response);
    if (request.method !== 'PUT') return refuse(response, 405, 'MethodNotAllowed');
    const scale = this.#valid(request, body);
    if (!scale) return refuse(response, 400, 'the request does not fit its schema');
    if (scale.metadata?.name !== WORKLOAD.name || scale.metadata.namespace !== WORKLOAD.namespace)
      return refuse(response, 400, 'the name of the object does not match the name on the URL');
    const replicas = scale.spec?.replicas ?? 0;
    if (replicas < 0) return refuse(response, 422, 'spec.replicas: must be greater than or equal to 0');
    const { resourceVersion } = scale.metadata;
    if (resourceVersion !== undefined && resourceVersion !== String(this.#version))
      return refuse(response, 409, 'the object has been modified; please apply your changes to the latest version');
    this.#replicas = replicas;
    this.#version += 1;
    return this.#tell(response);
  }

  #valid(request: IncomingMessage, body: string): z.infer<typeof scaleSchema> | undefined {
    if (request.headers['content-type'] !== 'application/json') this.violations.push('content-type');
    const parsed = scaleSchema.safeParse(JSON.parse(body));
    if (!parsed.success) this.violations.push(parsed.error.message);
    return parsed.data;
  }

  #tell(response: ServerResponse): void {
    const metadata = { ...WORKLOAD, resource: undefined, resourceVersion: String(this.#version), uid: 'a-b-c' };
    // As the real one: zeroes of spec are left out, those of status are not.
    const spec = this.#replicas === 0 ? {} : { replicas: this.#replicas };
    const status = { replicas: this.#pods, selector: 'app=safelight-worker' };
    answerJson(response, 200, { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec, status });
  }

  #makeCertificate(): [Buffer, Buffer] {
    const key = join(this.accountDirectory, 'key.pem');
    const cert = join(this.accountDirectory, 'ca.crt');
    const names = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const args = ['req', '-x509', '-nodes', '-days', '2', ...curve, ...names, '-keyout', key, '-out', cert];
    execFileSync('openssl', args, { stdio: 'ignore' });
    return [readFileSync(key), readFileSync(cert)];
  }
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Of meta/v1 Status. */
export function refuse(response: ServerResponse, code: number, message: string): void {
  answerJson(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code });
}
