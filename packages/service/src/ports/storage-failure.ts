import { OutOfSpaceError, StoreUnavailableError } from './object-store.ts';

/** What a medium says of itself; never what a socket says of its peer. */
const MEDIUM_CODES: ReadonlySet<string> = new Set(['EIO', 'EROFS', 'ENODEV', 'ENXIO', 'ESTALE', 'EMFILE', 'ENFILE']);
/** 53100 is PostgreSQL's disk_full. */
const SPACE_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', '53100']);
const CAUSES_MAX = 4;

/** Whether a store or a scratch folder has no room left. */
export function isOutOfSpace(error: unknown): boolean {
  return chain(error).some((link) => link instanceof OutOfSpaceError || SPACE_CODES.has(codeOf(link)));
}

/**
 * Whether a failure is the storage's own: its medium, a file or folder that should be there, or a store that does not
 * answer. A socket's ENOENT and EACCES (the database's, whose address is a path too) are not.
 */
export function isStorageFailure(error: unknown): boolean {
  return chain(error).some((link) => {
    const { path, syscall } = link as { path?: unknown; syscall?: unknown };
    const isOfFile = typeof path === 'string' && typeof syscall === 'string' && syscall !== 'connect';
    const isOfStore = link instanceof StoreUnavailableError;
    return isOfFile || isOfStore || MEDIUM_CODES.has(codeOf(link)) || isOutOfSpace(link);
  });
}

/** The error and what caused it. */
function chain(error: unknown): object[] {
  const links: object[] = [];
  for (let link = error; typeof link === 'object' && link !== null && links.length < CAUSES_MAX; ) {
    links.push(link);
    link = (link as { cause?: unknown }).cause;
  }
  return links;
}

function codeOf(error: object): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
