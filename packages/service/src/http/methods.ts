import { ROUTES, type RouteContract } from '@safelight/contract';

const PATTERNS: readonly { readonly pattern: RegExp; readonly methods: readonly string[] }[] = Object.values(
  ROUTES,
).map((contract: RouteContract) => ({
  pattern: new RegExp(`^${contract.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  methods: contract.method === 'GET' ? ['GET', 'HEAD'] : [contract.method],
}));

/** The methods that the contract has at this URL, for Allow; the page at `/` is read besides. */
export function allowedMethods(url: string): string[] {
  const [path = ''] = url.split('?');
  const methods = PATTERNS.filter(({ pattern }) => pattern.test(path)).flatMap((entry) => entry.methods);
  if (path === '/') methods.push('GET', 'HEAD');
  return [...new Set(methods)].sort();
}
