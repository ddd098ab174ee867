import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const BYTES = 1024 * 1024 * 1024;
const JOURNAL_MIB = 32;
/** Nothing but an fsync commits the journal within this time: what nobody synced must not be lucky. */
const COMMIT_SECONDS = 300;

/**
 * A disk whose power can be cut: a file with an ext4 in it, mounted through a loop device. What was written into the
 * file system and not yet synced lies in the kernel's memory for this mount alone and not in the file, so a copy of
 * the file at one instant is what a disk would hold after its power was cut at that instant, no block written later.
 *
 * It is a disk that keeps what it was handed: one that loses its own cache although it was told to flush is not
 * shown, nor are torn sectors.
 */
export class Disk {
  /** Where its file system is mounted. */
  readonly folder: string;
  readonly #home: string;
  readonly #device: string;

  private constructor(home: string, image: string) {
    this.#home = home;
    this.folder = join(home, 'mounted');
    mkdirSync(this.folder, { mode: 0o755 });
    this.#device = run('losetup', ['--find', '--show', image]);
    try {
      run('mount', ['-o', `commit=${COMMIT_SECONDS}`, this.#device, this.folder]);
    } catch (error) {
      run('losetup', ['--detach', this.#device]);
      throw error;
    }
  }

  /** @throws when this machine has no loop devices or does not let us mount. */
  static make(): Disk {
    const home = makeHome();
    const image = join(home, 'image');
    writeFileSync(image, '');
    truncateSync(image, BYTES);
    run('mkfs.ext4', ['-q', '-F', '-m', '0', '-J', `size=${JOURNAL_MIB}`, '-E', 'lazy_itable_init=0', image]);
    return new Disk(home, image);
  }

  /** Mounts a disk as it was found after the power cut; the file system replays its journal. */
  static open(image: string): Disk {
    return new Disk(makeHome(), image);
  }

  /**
   * Copies the disk as it is now; whoever writes to it must stand still. Blocks this process meanwhile, so that
   * nothing is heard of either.
   * @returns false when the kernel wrote to it during the copy, which is then of no instant: try again.
   */
  copyTo(image: string): boolean {
    const before = this.#writes();
    run('cp', ['--sparse=always', join(this.#home, 'image'), image]);
    const after = this.#writes();
    return before.inFlight === 0 && after.inFlight === 0 && before.sectors === after.sectors;
  }

  close(): void {
    run('umount', [this.folder]);
    run('losetup', ['--detach', this.#device]);
    rmSync(this.#home, { recursive: true });
  }

  /** Of the block layer: Documentation/block/stat.rst of Linux. */
  #writes(): { sectors: number; inFlight: number } {
    const fields = readFileSync(`/sys/block/${basename(this.#device)}/stat`, 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number);
    return { sectors: fields[6] ?? 0, inFlight: fields[8] ?? 0 };
  }
}

/** Why disks cannot be made here; undefined when they can. */
export function whyNoDisk(): string | undefined {
  try {
    Disk.make().close();
    return undefined;
  } catch (error) {
    return `needs root on Linux with loop devices and ext4: ${(error as Error).message.trim().split('\n').at(-1)}`;
  }
}

function makeHome(): string {
  return mkdtempSync(join(tmpdir(), 'safelight-disk-'));
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}
