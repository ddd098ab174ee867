import { useSyncExternalStore } from 'react';

/** What stands behind the `#` of the address: the page at `/` has two faces, and needs no more of a router. */
export function useHash(): string {
  return useSyncExternalStore(listen, () => location.hash);
}

function listen(told: () => void): () => void {
  window.addEventListener('hashchange', told);
  return () => window.removeEventListener('hashchange', told);
}
