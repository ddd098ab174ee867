import {
  AUTO_WISHES,
  type AutoWish,
  CLIENT_HINTS,
  type ClientHint,
  canonicalTransformation,
  DELIVERY_PARAMETERS,
  PROBLEMS_MAX,
  parseTransformation,
  readSome,
  shownName,
  type Transformation,
  type TransformationProblem,
} from '@safelight/contract';
import type { Tenant } from '../tenants/index.ts';
import { ProblemError } from './problem.ts';
import { withSettings } from './standing.ts';

/** What the URL of a delivery asks for. */
export interface Requested {
  /** As it was asked for; what the client's headers make of it comes later. */
  readonly asked: Transformation;
  /** In canonical form. */
  readonly transformation: string;
  readonly delivery: DeliveryWishes;
}

/** What a URL says besides the transformation; no part of a rendition's digest. */
export interface DeliveryWishes {
  /** A prefix of the rendition's digest, hexadecimal: what it names never changes. */
  readonly v?: string;
  /** Milliseconds since 1970. */
  readonly expires?: number;
  /** Name under which the client saves the picture. */
  readonly dl?: string;
  /** What is left to the service. */
  readonly auto?: ReadonlySet<AutoWish>;
  /** Client hints that may change the transformation. */
  readonly ch?: ReadonlySet<ClientHint>;
}

type Wish = keyof DeliveryWishes;

const READERS: { readonly [Name in Wish]: (text: string) => DeliveryWishes[Name] } = {
  v: (text) => (/^[0-9a-f]{8,64}$/.test(text) ? text : undefined),
  expires: (text) => (/^\d{1,11}$/.test(text) ? Number(text) * 1_000 : undefined),
  dl: (text) => (/^\P{Cc}{1,255}$/u.test(text) && text.isWellFormed() ? text : undefined),
  auto: (text) => setOf(readSome(text, AUTO_WISHES)),
  ch: (text) => setOf(readSome(text.toLowerCase(), CLIENT_HINTS)),
};

function setOf<Name extends string>(names: readonly Name[] | undefined): ReadonlySet<Name> | undefined {
  return names && new Set(names);
}

/**
 * Reads a query as it was sent, its signature already taken off: the one place where a request becomes a
 * transformation, with the tenant's settings for what it leaves open.
 * @throws ProblemError that names each parameter which is wrong, and what would have been accepted.
 */
export function readRequested(query: string, tenant: Pick<Tenant, 'settings'>): Requested {
  const entries = decodeQuery(query);
  const { delivery, rest, problems } = takeWishes(entries);
  const parsed = parseTransformation(rest);
  if (!parsed.ok) problems.push(...parsed.problems);
  if (!parsed.ok || problems.length > 0) throw refusal(problems);
  const asked = withSettings(tenant, parsed.transformation);
  return { asked, transformation: canonicalTransformation(asked), delivery };
}

/** The same for a URL whose transformation is fixed by its path. */
export function readWishes(query: string): DeliveryWishes {
  const { delivery, rest, problems } = takeWishes(decodeQuery(query));
  const [first] = rest;
  if (first)
    problems.push({ parameter: shownName(first[0]), allowed: `nothing but ${Object.keys(READERS).join(', ')}` });
  if (problems.length > 0) throw refusal(problems);
  return delivery;
}

function takeWishes(entries: readonly (readonly [string, string])[]) {
  const problems: TransformationProblem[] = [];
  const wishes = new Map<Wish, DeliveryWishes[Wish]>();
  const rest: (readonly [string, string])[] = [];
  for (const [name, text] of entries) {
    if (name === 's') problems.push({ parameter: 's', allowed: DELIVERY_PARAMETERS.s.allowed });
    else if (!isWish(name)) rest.push([name, text]);
    else if (wishes.has(name)) problems.push({ parameter: name, allowed: 'once only' });
    else {
      wishes.set(name, READERS[name](text));
      if (wishes.get(name) === undefined) {
        problems.push({ parameter: name, allowed: DELIVERY_PARAMETERS[name].allowed });
      }
    }
    if (problems.length >= PROBLEMS_MAX) break;
  }
  return { delivery: Object.fromEntries(wishes) as DeliveryWishes, rest, problems };
}

function isWish(name: string): name is Wish {
  return Object.hasOwn(READERS, name);
}

function refusal(problems: readonly TransformationProblem[]): ProblemError {
  const [first] = problems;
  return new ProblemError('request_invalid', {
    detail: first && `${first.parameter}: takes ${first.allowed}.`,
    parameters: problems.slice(0, PROBLEMS_MAX),
  });
}

/** What stands behind the question mark of a URL, as it was sent. */
export function queryOf(url = ''): string {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
}

/** Names and values, decoded once: a `+` is a space, and what is no UTF-8 is an error instead of a guess. */
function decodeQuery(query: string): (readonly [string, string])[] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      const name = at < 0 ? part : part.slice(0, at);
      return [decode(name, name), decode(at < 0 ? '' : part.slice(at + 1), name)] as const;
    });
}

function decode(text: string, name: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw refusal([{ parameter: shownName(name), allowed: 'UTF-8 with percent-encoding' }]);
  }
}
