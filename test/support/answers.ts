import {
  type Bound,
  type ErrorCode,
  errorEntry,
  type Image,
  imageSchema,
  type Problem,
  problemSchema,
  type UploadUrls,
  uploadUrlsSchema,
} from '@safelight/contract';
import { expect } from 'vitest';
import { createEventStreamParser, type ServerSentEvent } from '../../packages/sdk/src/server-sent-events.ts';
import type { RawAnswer } from './raw-http.ts';
import type { Safelight } from './safelight.ts';

/** Holds that an answer is the problem `code`, as the catalogue has it, and answers its body. */
export async function expectProblem(response: Response | RawAnswer, code: ErrorCode): Promise<Problem> {
  const { status, retryable } = errorEntry(code);
  const text = response instanceof Response ? await response.text() : response.body.toString();
  expect(text, `the body of an answer of status ${response.status}`).toContain(`"code":"${code}"`);
  const { headers } = response;
  const header = (name: string) => headers.get(name) ?? undefined;
  expect({ status: response.status, type: header('content-type'), cache: header('cache-control') }).toEqual({
    status,
    type: expect.stringMatching(/^application\/problem\+json/),
    cache: 'no-store',
  });
  if (retryable) expect(Number(header('retry-after'))).toBeGreaterThan(0);
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem.status).toBe(status);
  expect(problem.requestId).toMatch(/^req_/);
  expect(header('x-request-id')).toBe(problem.requestId);
  return problem;
}

/** The same, with the bound that was crossed. */
export async function expectBound(
  response: Response | RawAnswer,
  code: ErrorCode,
  bound: Partial<Bound>,
): Promise<void> {
  expect((await expectProblem(response, code)).bound).toMatchObject(bound);
}

/** The answer of `POST /`, held against the contract. */
export async function expectUrls(response: Response | RawAnswer): Promise<UploadUrls> {
  const text = response instanceof Response ? await response.text() : response.body.toString();
  expect(response.status, text).toBe(202);
  return uploadUrlsSchema.strict().parse(JSON.parse(text));
}

/** An image resource of status 201 or 202 or 200, held against the contract. */
export async function expectImage(response: Response): Promise<Image> {
  const text = await response.text();
  expect([200, 201, 202], text).toContain(response.status);
  return imageSchema.strict().parse(JSON.parse(text));
}

/** Uploads to `/v1/images` as a raw body. */
export async function sendImage(node: Safelight, bytes: Uint8Array, query = '', init: RequestInit = {}) {
  const headers = new Headers(init.headers);
  headers.set('content-type', 'image/jpeg');
  return node.fetch(`/v1/images${query}`, { ...init, method: 'POST', headers, body: Uint8Array.from(bytes) });
}

/** The id in a delivery URL. */
export function imageIdOf(url: string): string {
  return new URL(url).pathname.split('/')[3] ?? '';
}

/** Reads server-sent events off an answer until `enough` says so, and lets go of it. */
export async function readEvents(
  response: Response,
  enough: (events: readonly ServerSentEvent[]) => boolean,
): Promise<ServerSentEvent[]> {
  const parser = createEventStreamParser();
  const decoder = new TextDecoder();
  const events: ServerSentEvent[] = [];
  const reader = response.body?.getReader();
  while (reader && !enough(events)) {
    const { value, done } = await reader.read();
    if (done) break;
    events.push(...parser.push(decoder.decode(value, { stream: true })));
  }
  await reader?.cancel();
  return events;
}
