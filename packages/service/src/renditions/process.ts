import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Transformation } from '@safelight/contract';
import { invariant } from '../core/invariant.ts';
import { putFonts } from './fonts.ts';
import type { Isolation } from './isolation.ts';
import { planRender } from './plan.ts';
import {
  type Looks,
  type MadePyramid,
  type Output,
  type OutputFailure,
  type ProbeTask,
  type Rejection,
  type RenderTask,
  type Report,
  reportSchema,
  type SourceFacts,
  type Task,
} from './protocol.ts';
import { prepareScratch, type Scratch } from './scratch.ts';

/** The supervisor's hold on one worker process: it does one job at a time, and is killed over its bounds. */
export interface WorkerProcess {
  readonly slot: number;
  /** Undefined when the process could not be started; `ready` then rejects. */
  readonly pid: number | undefined;
  readonly scratch: Scratch;
  /** Settles when the process waits for work. @throws WorkerDiedError */
  readonly ready: Promise<void>;
  /** Settles when the process is gone; whoever started it then empties the scratch folder. Never rejects. */
  readonly exited: Promise<WorkerExit>;
  readonly jobsDone: number;
  /** Whether it kept more memory after its last job than it may idle with, and should make room for a fresh one. */
  readonly recycleDue: boolean;
  /**
   * Renders a job from the `original` in its folder. Outputs are told as soon as each lies in the job's folder.
   * @throws WorkerDiedError when the process dies, or is killed for its deadline or its memory.
   */
  run(job: RenderJob, limits: RunLimits): Promise<RunResult>;
  /** Says what an original is. @throws WorkerDiedError */
  probe(job: Omit<ProbeTask, 'kind'>, limits: Limits): Promise<ProbeResult>;
  /** Resident memory in bytes; undefined when the process is gone or the system does not tell (it is not Linux). */
  rssBytes(): number | undefined;
  /** SIGKILL: nothing else stops a library in the middle of an encode. A job under way rejects with reason `killed`. */
  kill(): void;
}

export interface WorkerOptions {
  /** Tells workers of one supervisor apart, also by user: 0, 1, … */
  readonly slot: number;
  /** Its own, for this process alone; made when it is not there. */
  readonly scratchDirectory: string;
  readonly isolation: Isolation;
  readonly log: WorkerLog;
  /** Resident memory with which it may idle; 512 MB if not given. */
  readonly rssBytesIdleMax?: number;
  /** Path of another worker program. */
  readonly entry?: string;
}

/** The part of a logger that is used; pino's has it. */
export interface WorkerLog {
  warn(fields: object, message: string): void;
}

/** Everything to make of one original. Folders are names inside the scratch folder, given by `takeFolder`. */
export type RenderJob = Omit<RenderTask, 'kind' | 'plan'> & {
  readonly transformations: readonly Transformation[];
  /** Of AVIF's encoder, where nobody waits. */
  readonly effort?: number | undefined;
};

export interface Limits {
  readonly deadlineMs: number;
  /** Resident memory of the whole process at which it is killed. */
  readonly rssBytesMax: number;
}

export interface RunLimits extends Limits {
  /** Must not throw: the worker would be taken for the culprit. */
  readonly onOutput?: (output: Output) => void;
  /** The same. The job goes on, and may end before what is done about it. */
  readonly onPyramid?: (made: MadePyramid) => void;
}

export interface RunResult {
  readonly outputs: readonly Output[];
  readonly failures: readonly OutputFailure[];
  /** Present when it was asked for and the picture's pixels were at hand. */
  readonly looks: Looks | undefined;
  readonly cpuMs: number;
  readonly peakRssBytes: number;
}

export type ProbeResult = ({ readonly facts: SourceFacts } | { readonly rejection: Rejection }) & {
  readonly cpuMs: number;
};

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type DeathReason = 'deadline' | 'memory' | 'killed' | 'crashed';

/** The process died under a job, or before it was ready. */
export class WorkerDiedError extends Error {
  override readonly name = 'WorkerDiedError';
  readonly reason: DeathReason;
  readonly signal: NodeJS.Signals | null;
  constructor(reason: DeathReason, { code, signal }: WorkerExit) {
    super(`the worker process died (${reason}; ${signal ?? `exit code ${code}`})`);
    this.reason = reason;
    this.signal = signal;
  }
}

/**
 * The whole environment of a worker: where its fonts are, and how its allocator holds memory. Left to itself it either
 * keeps too much (712 MB after 150 mixed originals, four at a time) or, with a small trim threshold, gives back the coefficients of every
 * progressive JPEG and pays a fifth of its decode for clean pages. One arena that keeps its top cost 8 to 18 % less CPU
 * over 108 originals than two arenas trimmed at 128 kB, and idled with 160 MB instead of 110. Page faults of a 13 MP
 * progressive JPEG: 13,300 with the two, 3,900 with one that keeps 64 MB, 90 with one that keeps 128 MB and grows by 16.
 */
export const WORKER_ENVIRONMENT = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '134217728',
  MALLOC_MMAP_THRESHOLD_: '33554432',
  MALLOC_TOP_PAD_: '16777216',
  // Fonts lie in the scratch folder.
  FONTCONFIG_PATH: '.',
};
/** Pixels lie outside V8's heap; what lies in it is small. */
const NODE_FLAGS = ['--max-old-space-size=128'];
const START_MS_MAX = 30_000;
const MEMORY_POLL_MS = 50;
const STATUS_BYTES_MAX = 4_096;
const RSS_BYTES_IDLE_MAX = 512 * 1024 * 1024;
const STDERR_LINES_MAX = 200;
const STDERR_LINE_LENGTH_MAX = 500;

/** Starts a worker process. It is not ready yet when this returns. */
export function startWorkerProcess(options: WorkerOptions): WorkerProcess {
  return new ChildWorker(options);
}

interface Job {
  readonly id: string;
  /** Takes a report and tells whether the job is over. Throws when no honest worker would have said it. */
  readonly take: (report: Report) => boolean;
  readonly reject: (error: Error) => void;
  readonly release: () => void;
}

class ChildWorker implements WorkerProcess {
  readonly slot: number;
  readonly scratch: Scratch;
  readonly ready: Promise<void>;
  readonly exited: Promise<WorkerExit>;
  jobsDone = 0;
  recycleDue = false;
  readonly #child: ChildProcess;
  readonly #log: WorkerLog;
  readonly #rssBytesIdleMax: number;
  /** Of what the system tells of the process: some 1,500 bytes. */
  readonly #status = Buffer.alloc(STATUS_BYTES_MAX);
  #statusFd: number | undefined;
  #job: Job | undefined;
  #exit: WorkerExit | undefined;
  #reason: DeathReason = 'crashed';

  constructor({ slot, scratchDirectory, isolation, log, rssBytesIdleMax, entry }: WorkerOptions) {
    const uid = isolation.uidBase === undefined ? undefined : isolation.uidBase + slot;
    this.slot = slot;
    this.scratch = prepareScratch(scratchDirectory, uid);
    putFonts(scratchDirectory);
    this.#log = log;
    this.#rssBytesIdleMax = rssBytesIdleMax ?? RSS_BYTES_IDLE_MAX;
    this.#child = spawnWorker(entry ?? fileURLToPath(new URL('worker/main.ts', import.meta.url)), {
      cwd: scratchDirectory,
      uid,
      isolation,
    });
    this.exited = new Promise((resolve) => {
      const exit = (code: number | null, signal: NodeJS.Signals | null) => resolve(this.#onExit({ code, signal }));
      this.#child.once('exit', exit);
      this.#child.on('error', (error) => {
        this.#log.warn({ slot, err: error }, 'a worker process could not be started or reached');
        if (this.#child.pid === undefined) exit(null, null);
      });
    });
    this.ready = this.#start();
    // Who waits for nothing but `exited` learns of a failed start from there.
    this.ready.catch(() => {});
    this.#child.on('message', (message) => this.#onMessage(message));
    this.#logStderr();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async run({ transformations, effort, ...job }: RenderJob, limits: RunLimits): Promise<RunResult> {
    const hasPyramid = (job.pyramid ?? 'none') !== 'none';
    const plan = planRender(job.source, transformations, hasPyramid, effort);
    const task: RenderTask = { kind: 'render', ...job, plan };
    const outputs: Output[] = [];
    const failures: OutputFailure[] = [];
    let looks: Looks | undefined;
    let pyramid: MadePyramid | undefined;
    const told = new Set<number>();
    const tell = (index: number): void => {
      invariant(index < transformations.length && !told.has(index), `unexpected output ${index}`);
      told.add(index);
    };
    const done = await this.#perform(task, limits, (report) => {
      if (report.kind === 'output') {
        tell(report.output.index);
        outputs.push(report.output);
        limits.onOutput?.(report.output);
      } else if (report.kind === 'outputFailed') {
        tell(report.failure.index);
        failures.push(report.failure);
      } else if (report.kind === 'looks') {
        invariant(task.looks && !looks, 'unexpected looks');
        looks = report.looks;
      } else if (report.kind === 'pyramid') {
        invariant(task.pyramid === 'make' && !pyramid, 'unexpected pyramid');
        pyramid = { bytes: report.bytes, cpuMs: report.cpuMs };
        limits.onPyramid?.(pyramid);
      } else {
        invariant(report.kind === 'done' && told.size === transformations.length, `unexpected ${report.kind}`);
        return { cpuMs: report.cpuMs, peakRssBytes: report.peakRssBytes };
      }
      return undefined;
    });
    return { outputs, failures, looks, ...done };
  }

  probe(job: Omit<ProbeTask, 'kind'>, limits: Limits): Promise<ProbeResult> {
    return this.#perform<ProbeResult>({ kind: 'probe', ...job }, limits, (report) => {
      if (report.kind === 'facts') return { facts: report.facts, cpuMs: report.cpuMs };
      invariant(report.kind === 'rejected', `unexpected ${report.kind}`);
      return { rejection: report.rejection, cpuMs: report.cpuMs };
    });
  }

  rssBytes(): number | undefined {
    if (this.#exit || this.pid === undefined) return undefined;
    try {
      // Opened once: it is read twenty times a second, and opening costs as much as reading.
      this.#statusFd ??= openSync(`/proc/${this.pid}/status`, 'r');
      const length = readSync(this.#statusFd, this.#status, 0, this.#status.length, 0);
      // Not statm: its unit is the page, which is 4 to 64 KiB on arm64.
      const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(this.#status.toString('latin1', 0, length))?.[1];
      return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
    } catch {
      return undefined;
    }
  }

  kill(): void {
    this.#die('killed');
  }

  async #start(): Promise<void> {
    const timer = setTimeout(() => this.#die('deadline'), START_MS_MAX);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#job = {
          id: '',
          take: (report) => {
            invariant(report.kind === 'ready', `unexpected ${report.kind}`);
            resolve();
            return true;
          },
          reject,
          release: () => clearTimeout(timer),
        };
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a task and takes its reports until `take` returns a result, within the limits. */
  async #perform<T>(task: Task, limits: Limits, take: (report: Report) => T | undefined): Promise<T> {
    await this.ready;
    invariant(!this.#job, 'a worker process does one job at a time');
    if (this.#exit) throw new WorkerDiedError(this.#reason, this.#exit);
    const result = await new Promise<T>((resolve, reject) => {
      this.#job = {
        id: task.id,
        take: (report) => {
          const result = take(report);
          if (result !== undefined) resolve(result);
          return result !== undefined;
        },
        reject,
        release: this.#watch(limits),
      };
      this.#child.send(task);
    });
    this.jobsDone += 1;
    this.recycleDue ||= (this.rssBytes() ?? 0) > this.#rssBytesIdleMax;
    return result;
  }

  /** Kills the process over a limit, until the returned function is called. */
  #watch({ deadlineMs, rssBytesMax }: Limits): () => void {
    const deadline = setTimeout(() => this.#die('deadline'), deadlineMs);
    const memory = setInterval(() => {
      if ((this.rssBytes() ?? 0) > rssBytesMax) this.#die('memory');
    }, MEMORY_POLL_MS);
    return () => {
      clearTimeout(deadline);
      clearInterval(memory);
    };
  }

  #onMessage(message: unknown): void {
    const job = this.#job;
    try {
      const report = reportSchema.parse(message);
      invariant(job && job.id === ('id' in report ? report.id : ''), 'a report about another job');
      if (job.take(report)) this.#finish();
    } catch (error) {
      this.#log.warn({ slot: this.slot, pid: this.pid, err: error }, 'a worker process said what it must not');
      this.#die('crashed');
    }
  }

  #finish(): Job | undefined {
    const job = this.#job;
    this.#job = undefined;
    job?.release();
    return job;
  }

  #die(reason: DeathReason): void {
    if (this.#exit || this.#child.killed) return;
    this.#reason = reason;
    this.#child.kill('SIGKILL');
  }

  #onExit(exit: WorkerExit): WorkerExit {
    this.#exit = exit;
    if (this.#statusFd !== undefined) closeSync(this.#statusFd);
    this.#finish()?.reject(new WorkerDiedError(this.#reason, exit));
    return exit;
  }

  #logStderr(): void {
    let lines = 0;
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      for (const line of chunk.split('\n').filter((line) => line.trim() !== '')) {
        lines += 1;
        if (lines > STDERR_LINES_MAX) return;
        const said = line.slice(0, STDERR_LINE_LENGTH_MAX);
        this.#log.warn({ slot: this.slot, pid: this.pid, said }, 'a worker process wrote to stderr');
      }
    });
  }
}

function spawnWorker(
  entry: string,
  { cwd, uid, isolation }: { cwd: string; uid: number | undefined; isolation: Isolation },
): ChildProcess {
  const node = [process.execPath, ...NODE_FLAGS, entry, ...(uid === undefined ? [] : [`${uid}`])];
  const [command = '', ...args] = isolation.unsharePath ? [isolation.unsharePath, '--net', '--', ...node] : node;
  return spawn(command, args, { cwd, env: WORKER_ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
}
