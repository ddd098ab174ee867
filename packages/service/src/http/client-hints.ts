import type { IncomingHttpHeaders } from 'node:http';
import type { ClientHint, Transformation } from '@safelight/contract';

/** A transformation as the client's headers complete it, and the headers on which that depends. */
export interface Hinted {
  readonly transformation: Transformation;
  readonly vary: readonly string[];
}

/** Widths that a hint is rounded up to, so that a thousand screens share sixteen renditions. */
const WIDTHS = [
  160, 240, 320, 480, 640, 800, 960, 1120, 1280, 1440, 1600, 1920, 2240, 2560, 3200, 3840,
] as const satisfies number[];
const DPR_STEP = 0.5;
const DPR_MAX = 5;
/** What the field sends to who asks for less data; about half the bytes of the default. */
const SAVING_QUALITY = 45;

/** Names in use: the standard's (client hints infrastructure, HTML), and those from before it. */
const HEADERS: Readonly<Record<ClientHint, readonly [string, ...string[]]>> = {
  width: ['Sec-CH-Width', 'Width'],
  dpr: ['Sec-CH-DPR', 'DPR'],
  'save-data': ['Save-Data'],
};

/**
 * Completes a transformation by the hints that its URL asks for; what the URL itself says stays. A header that makes no
 * sense is no hint.
 */
export function applyHints(
  asked: Transformation,
  hints: ReadonlySet<ClientHint>,
  headers: IncomingHttpHeaders,
): Hinted {
  const told = (hint: ClientHint) =>
    hints.has(hint)
      ? HEADERS[hint].map((name) => headers[name.toLowerCase()]).find((value) => typeof value === 'string')
      : undefined;
  const vary = [...hints].flatMap((hint) => HEADERS[hint]);
  const width = asked.w === undefined && asked.h === undefined ? positive(told('width')) : undefined;
  // The width is told in pixels of the screen; a box of the URL's is not.
  const dpr = asked.dpr === undefined && width === undefined ? positive(told('dpr')) : undefined;
  const saves = told('save-data')?.toString().toLowerCase() === 'on';
  return {
    vary,
    transformation: {
      ...asked,
      ...(width !== undefined && { w: WIDTHS.find((step) => step >= width) ?? WIDTHS[WIDTHS.length - 1] ?? width }),
      ...(dpr !== undefined && !saves && { dpr: stepped(dpr) }),
      ...(saves && asked.q === undefined && !asked.lossless && { q: SAVING_QUALITY }),
    },
  };
}

/** The names by which a client is asked to send them. */
export function acceptedHints(hints: ReadonlySet<ClientHint>): string {
  return [...hints].map((hint) => HEADERS[hint][0]).join(', ');
}

function positive(value: string | readonly string[] | undefined): number | undefined {
  const number = typeof value === 'string' && /^\d{1,5}(\.\d{1,6})?$/.test(value.trim()) ? Number(value) : Number.NaN;
  return number > 0 ? number : undefined;
}

function stepped(dpr: number): number {
  return Math.min(DPR_MAX, Math.max(1, Math.ceil(dpr / DPR_STEP) * DPR_STEP));
}
