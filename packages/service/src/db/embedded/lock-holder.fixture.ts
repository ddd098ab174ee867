/**
 * A process that wants a lock, for tests to kill: `node lock-holder.fixture.ts DIRECTORY NAME`.
 * Prints `held` or `busy`; a holder keeps the lock until it is killed or its input ends.
 */
import { acquireFolderLock, FolderBusyError } from './lock.ts';

const [, , directory = '', name = ''] = process.argv;
try {
  const lock = await acquireFolderLock(directory, name);
  process.stdout.write('held\n');
  process.stdin.resume();
  process.stdin.once('end', () => void lock.release());
} catch (error) {
  if (!(error instanceof FolderBusyError)) throw error;
  process.stdout.write('busy\n');
}
