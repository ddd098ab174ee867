import { AsyncLocalStorage } from 'node:async_hooks';

/** Holds nothing by itself: a value stands for the time of one call, and is seen by what that call awaits alone. */
const addresses = new AsyncLocalStorage<string>();

/**
 * Does what somebody at `address` asked for. The log tells of every change where it came from, and two dozen functions
 * that change things would otherwise hand an address on that they have no use for.
 */
export function onBehalfOf<T>(address: string, work: () => T): T {
  return addresses.run(address, work);
}

/** Where the request came from that is being answered; undefined for what Safelight does by itself. */
export function callerAddress(): string | undefined {
  return addresses.getStore();
}
