import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Short, so that what is over its share is stopped for milliseconds and not for a tenth of a second. */
const PERIOD_MICROS = 10_000;

/**
 * Holds processes, and what they fork from then on, to so many cores, by a control group. Needs root on Linux.
 * @throws when the machine has no control groups for CPU, or does not let us make one.
 */
export class CpuQuota {
  readonly #group: string;

  constructor(cores: number) {
    const quotaMicros = Math.round(cores * PERIOD_MICROS);
    const name = `safelight-${process.pid}`;
    if (existsSync('/sys/fs/cgroup/cpu')) {
      this.#group = make(join('/sys/fs/cgroup/cpu', name));
      this.#write('cpu.cfs_period_us', String(PERIOD_MICROS));
      this.#write('cpu.cfs_quota_us', String(quotaMicros));
    } else {
      this.#group = make(join('/sys/fs/cgroup', name));
      this.#write('cpu.max', `${quotaMicros} ${PERIOD_MICROS}`);
    }
  }

  hold(pids: readonly number[]): void {
    for (const pid of pids) {
      try {
        this.#write('cgroup.procs', String(pid));
      } catch (error) {
        // It ended meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  /** Call it when all who were held have ended. */
  close(): void {
    if (readFileSync(join(this.#group, 'cgroup.procs'), 'utf8') === '') rmdirSync(this.#group);
  }

  #write(file: string, text: string): void {
    writeFileSync(join(this.#group, file), text);
  }
}

function make(folder: string): string {
  mkdirSync(folder);
  return folder;
}
