import { setTimeout as pause } from 'node:timers/promises';
import { releaseUpload, renewUpload, takeUpload, type UploadHold } from '../uploads/index.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problem.ts';

/** A node that died gives its uploads back after this: short, since a client waits to resume. */
export const UPLOAD_LEASE_SECONDS = 6;
/** How soon a holder hears that somebody waits. */
const RENEW_EVERY_MS = 1_000;
/** Longer than a lease, so that what a dead node held is waited for. */
const WAIT_MS_MAX = 8_000;
const POLL_MS = 200;

/** The right to write to an upload, held for as long as one request needs it. */
export class UploadLease {
  readonly hold: UploadHold;
  readonly #context: Pick<HttpContext, 'database' | 'log'>;
  readonly #timer: NodeJS.Timeout;

  /** @param giveUp called when another request waits for it, or has it: whoever connects again takes over. */
  constructor(context: Pick<HttpContext, 'database' | 'log'>, hold: UploadHold, giveUp: () => void) {
    this.hold = hold;
    this.#context = context;
    this.#timer = setInterval(() => {
      renewUpload(context.database, hold, UPLOAD_LEASE_SECONDS).then(
        (state) => state !== 'held' && giveUp(),
        // Made up for by the next; when the lease is lost meanwhile, what is written changes nothing.
        (error: unknown) => context.log.warn({ err: error }, 'the lease of an upload could not be renewed'),
      );
    }, RENEW_EVERY_MS);
  }

  /** Waits for whoever has it to let go. @throws ProblemError `upload_not_found` or `upload_held`. */
  static async take(
    context: Pick<HttpContext, 'database' | 'log' | 'clock'>,
    upload: { readonly tenantId: string; readonly uploadId: string },
    options: { readonly signal?: AbortSignal; readonly giveUp?: () => void } = {},
  ): Promise<UploadLease> {
    const until = context.clock.monotonic() + WAIT_MS_MAX;
    for (;;) {
      const taken = await takeUpload(context.database, upload.tenantId, upload.uploadId, UPLOAD_LEASE_SECONDS);
      if (taken === 'missing') throw new ProblemError('upload_not_found');
      if (taken !== 'held') return new UploadLease(context, taken, options.giveUp ?? (() => undefined));
      if (options.signal?.aborted || context.clock.monotonic() > until) throw new ProblemError('upload_held');
      await pause(POLL_MS);
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    // When even this fails, it runs out.
    await releaseUpload(this.#context.database, this.hold).catch(() => undefined);
  }
}
