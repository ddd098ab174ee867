import { readFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { isConnectionLoss } from '../db/database.ts';
import { OutOfSpaceError, StoreUnavailableError } from './object-store.ts';
import { isOutOfSpace, isStorageFailure } from './storage-failure.ts';

const caught = async (work: () => unknown): Promise<unknown> => {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
};

describe('a failure of storage', () => {
  it('is what a file says: not there, not a folder, no room', async () => {
    expect(isStorageFailure(await caught(() => readFileSync('/nothing/here')))).toBe(true);
    expect(isStorageFailure(await caught(() => open('/dev/null/below', 'r')))).toBe(true);
    expect(isStorageFailure(new OutOfSpaceError('full'))).toBe(true);
    expect(isStorageFailure(new Error('wrapped', { cause: new OutOfSpaceError('full') }))).toBe(true);
  });

  it('is a store that does not answer', () => {
    const away = new StoreUnavailableError('the bucket cannot be used: connect ETIMEDOUT');
    expect(isStorageFailure(new Error('wrapped', { cause: away }))).toBe(true);
    expect(isOutOfSpace(away)).toBe(false);
    expect(isConnectionLoss(away)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('is no room left, told by the system itself', async () => {
    const full = await caught(() => writeFile('/dev/full', 'x'));
    expect(isOutOfSpace(full)).toBe(true);
    expect(isStorageFailure(full)).toBe(true);
  });

  it('is not what a socket says, though its address be a path', async () => {
    const refused = await caught(async () => {
      const socket = connect('/nothing/here.sock');
      await new Promise((_, reject) => socket.once('error', reject));
    });
    expect(refused).toMatchObject({ code: 'ENOENT' });
    expect(isStorageFailure(refused)).toBe(false);
    expect(isOutOfSpace(refused)).toBe(false);
  });

  it('is nothing else', () => {
    for (const error of [new Error('x'), undefined, null, 'ENOSPC', { code: 42 }]) {
      expect(isStorageFailure(error)).toBe(false);
    }
  });
});
