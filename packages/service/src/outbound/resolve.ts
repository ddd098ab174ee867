import { Resolver } from 'node:dns/promises';

/** Asks for the addresses of a name, all of them. */
export type Resolve = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

const TRY_MS_MAX = 2_000;
const TRIES = 2;

/**
 * Asks the name servers directly instead of through `getaddrinfo`: that call holds one of libuv's four threads, which
 * files need too, for as long as the name server of a stranger takes, and it cannot be given up.
 */
export const resolveByServers: Resolve = async (hostname, signal) => {
  const resolver = new Resolver({ timeout: TRY_MS_MAX, tries: TRIES });
  const giveUp = () => resolver.cancel();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const [first] = answers;
    if (addresses.length === 0 && first.status === 'rejected') throw first.reason;
    return addresses;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
};

/** The texts of all TXT records of a name; none where there are none, or nobody answers for it. */
export async function textsByServers(name: string): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: TRY_MS_MAX, tries: TRIES });
  const records = await resolver.resolveTxt(name).catch(() => []);
  return records.map((chunks) => chunks.join(''));
}
