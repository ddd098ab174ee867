import type { Receipt } from '@safelight/contract';

/** Tells what is signed here from whatever else the sealing key signs. */
const DOMAIN = 'safelight-erasure-1';

/** The bytes that are signed: they must not hang on the order in which a database or a program keeps names. */
export function receiptBytes(receipt: Receipt): Buffer {
  return Buffer.from(`${DOMAIN}\n${JSON.stringify(sorted(receipt))}`);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]),
  );
}
