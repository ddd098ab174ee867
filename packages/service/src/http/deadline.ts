import type { FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import type { Deadline } from '../core/deadline.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ProblemError } from './problem.ts';

/** A deadline that must be told when the work is over. */
export interface RequestDeadline extends Deadline {
  end(): void;
}

/** As long as a statement may take: who sets no time himself has given up by then. */
const MS_MAX = 30_000;

/**
 * Milliseconds for which the client will wait from now on, as it says by `Prefer: wait=SECONDS` (RFC 7240, 4.3), of the
 * `msMax` that it gets otherwise.
 */
export function willingMs({ headers }: Pick<FastifyRequest, 'headers'>, msMax: number): number {
  const { prefer } = headers;
  const preferences = typeof prefer === 'string' ? prefer : (prefer ?? []).join(',');
  const seconds = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:[,;]|$)/i.exec(preferences)?.[1];
  return seconds === undefined ? msMax : Math.min(msMax, Number(seconds) * 1000);
}

/** Until when the rest of a request is worth doing, from now on: its own time, or until its client goes away. */
export function deadlineOf(
  request: FastifyRequest,
  { clock, metrics }: { readonly clock: Pick<Clock, 'monotonic'>; readonly metrics: Pick<Metrics, 'givenUp'> },
): RequestDeadline {
  const controller = new AbortController();
  const ms = willingMs(request, MS_MAX);
  const until = clock.monotonic() + ms;
  const giveUp = (why: 'gone' | 'deadline') => {
    if (controller.signal.aborted) return;
    metrics.givenUp.inc({ why });
    controller.abort(new ProblemError('deadline_passed'));
  };
  const timer = setTimeout(giveUp, ms, 'deadline');
  const onClose = () => giveUp('gone');
  const { socket } = request.raw;
  socket.once('close', onClose);
  if (socket.destroyed) onClose();
  return {
    signal: controller.signal,
    leftMs: () => until - clock.monotonic(),
    end: () => {
      clearTimeout(timer);
      socket.off('close', onClose);
    },
  };
}
