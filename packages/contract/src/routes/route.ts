import type { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import type { EventType } from '../events.ts';
import type { Scope } from '../scopes.ts';

/** One operation of the API: the single source of the server's schemas, the SDK's types and the reference. */
export interface RouteContract {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters in braces, as OpenAPI writes them. */
  readonly path: string;
  readonly summary: string;
  /** `undefined`: open to everybody. */
  readonly scope: Scope | undefined;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  /** Of a request body in JSON; a schema of its own answers 400, another media type 415. */
  readonly body?: z.ZodType;
  /** Media types of the request body that the route takes otherwise. */
  readonly bodies?: readonly string[];
  /** Status to schema, or to the media types of bytes. */
  readonly responses: Readonly<Record<number, z.ZodType | readonly string[]>>;
  /** Headers of a success that are told by us alone, and what each says. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
  readonly errors: readonly ErrorCode[];
  /** The event that a success writes. */
  readonly event?: EventType;
}

/** Keeps a route's own types while checking its form. */
export function route<const R extends RouteContract>(contract: R): R {
  return contract;
}
