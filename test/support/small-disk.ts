import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Puts a file system of its own on a folder, so that a full one is nobody else's. @returns whether that is allowed. */
export function mount(folder: string, size: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]).status === 0;
}

export function unmount(folder: string): void {
  spawnSync('umount', ['--lazy', folder]);
}

/** Whether this process may mount anything: root on Linux may. */
export async function isMountAllowed(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const folder = await mkdtemp(join(tmpdir(), 'safelight-mount-'));
  const isAllowed = mount(folder, '1m');
  if (isAllowed) unmount(folder);
  await rm(folder, { recursive: true });
  return isAllowed;
}
