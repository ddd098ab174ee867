/**
 * `forbidden`: refused by what the URL itself says, whoever asks. `unreachable`: no answer that could be read, for
 * whatever reason; a name that leads into a private network is among these, or the difference would tell who lives there.
 */
export type OutsideReason = 'forbidden' | 'unreachable' | 'too_slow' | 'too_large' | 'redirects';

/** Why nothing was fetched. The message may be shown to the tenant; `cause` is for the operator's eyes alone. */
export class OutsideError extends Error {
  override readonly name = 'OutsideError';
  readonly reason: OutsideReason;

  constructor(reason: OutsideReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
