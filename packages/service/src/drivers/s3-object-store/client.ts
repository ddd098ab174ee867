import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';

export interface S3Access {
  readonly region: string;
  /** Of a store that is not AWS's; its buckets are named in the path. */
  readonly endpoint?: string | undefined;
  /** Absent: the SDK looks for a role of the container, the machine or a web identity. */
  readonly credentials?: S3Credentials | undefined;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Deliveries to slow clients hold connections for long: the bound is there to be one, not to be reached. */
const CONNECTIONS_MAX = 512;
/** Below two seconds the SDK starts this clock at once, not a second later. */
const CONNECT_MS_MAX = 1_900;

export interface Connected {
  readonly client: S3Client;
  /** Closes connections that wait for a next request: after a failure they may lead nowhere. */
  readonly dropIdle: () => void;
}

/** The SDK's client, without what this driver does itself: time-outs, retries, and checksums beyond the signature's. */
export function connectS3({ region, endpoint, credentials }: S3Access): Connected {
  const agentOptions = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
  const agents = { httpAgent: new HttpAgent(agentOptions), httpsAgent: new HttpsAgent(agentOptions) };
  const client = new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials && { credentials }),
    requestHandler: { ...agents, connectionTimeout: CONNECT_MS_MAX },
    maxAttempts: 1,
    // Else bodies are sent as aws-chunked, which Ceph 16 answers with 411. The signature covers their SHA-256 anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It opens a connection for each put, which no pool keeps.
    expectContinueHeader: false,
  });
  const dropIdle = () => {
    for (const agent of Object.values(agents)) {
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
    }
  };
  return { client, dropIdle };
}
