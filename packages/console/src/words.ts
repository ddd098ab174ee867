import type { Image, Rendition } from '@safelight/contract';
import { isRetryable, SafelightError } from '@safelight/sdk';

/** What went wrong, for the person in front of the page. */
export interface Trouble {
  readonly text: string;
  /** Whether doing the same again can help. */
  readonly retryable: boolean;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB'] as const;

/** `2.4 MiB`; three digits at most, with a no-break space. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.5 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)}\u00a0${UNITS[unit]}`;
}

/** `600 × 400` */
export function formatSize({ width, height }: { width?: number | undefined; height?: number | undefined }): string {
  return width === undefined || height === undefined ? '' : `${width}\u00a0×\u00a0${height}`;
}

/** `98 % smaller` than the original, or `3 × larger`: beyond double, percents no longer say anything. */
export function formatSaving(bytes: number, originalBytes: number): string {
  const times = bytes / originalBytes;
  if (times >= 2) return `${times < 10 ? Number(times.toFixed(1)) : Math.round(times)}\u00a0×\u00a0larger`;
  const percent = (1 - times) * 100;
  // Between 99 and 100 a digit more still says something; nothing but nothing itself is 100 % smaller.
  const shown = percent >= 99 ? Math.min(99.9, Number(percent.toFixed(1))) : Math.round(Math.abs(percent));
  return `${shown}\u00a0% ${percent >= 0 ? 'smaller' : 'larger'}`;
}

/** Date and time as the reader writes them. */
export function formatTime(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** A name to show, also for pictures that came without one. */
export function nameOf(image: Image): string {
  return image.filename ?? `${image.id.slice(0, 12)}…`;
}

/** Smallest first, by what was asked for: a rendition without a preset goes last. */
const PRESET_ORDER: readonly (string | undefined)[] = ['small', 'medium', 'large'];

/** The renditions in the order in which they are shown. */
export function inOrder(renditions: readonly Rendition[]): readonly Rendition[] {
  const rank = ({ preset }: Rendition) =>
    PRESET_ORDER.includes(preset) ? PRESET_ORDER.indexOf(preset) : PRESET_ORDER.length;
  return [...renditions].sort((a, b) => rank(a) - rank(b));
}

/** `Small`, or the transformation where no preset names it. */
export function renditionName({ preset, transformation }: Rendition): string {
  return preset === undefined ? transformation : preset.charAt(0).toUpperCase() + preset.slice(1);
}

/** The rendition that shows most of the picture. */
export function largestReady(image: Image): Rendition | undefined {
  const ready = image.renditions.filter(({ state }) => state === 'ready');
  return ready.sort((a, b) => (b.width ?? 0) * (b.height ?? 0) - (a.width ?? 0) * (a.height ?? 0))[0];
}

/** A line for a terminal that fetches the largest rendition, or the original while there is none. */
export function curlOf(image: Image): string {
  const rendition = largestReady(image);
  // Of a picture that failed, the original is still there.
  const failed = !rendition && image.renditions.every(({ state }) => state === 'failed');
  const preset = failed ? 'original' : (rendition?.preset ?? 'large');
  const url = rendition?.url ?? image.urls[preset] ?? '';
  const stem = nameOf(image)
    .replace(/\.[^.]*$/, '')
    .replace(/[^\w.-]+/g, '-');
  const format = (rendition?.format ?? image.format).replace('jpeg', 'jpg');
  return `curl -o ${stem}-${preset}.${format} '${url}'`;
}

const BUSY = 'Safelight is busy right now. Nothing is lost: try again in a moment.';

const TEXTS: Readonly<Record<string, string>> = {
  unreachable: 'Safelight cannot be reached. Is it running?',
  answer_unreadable: 'Something between this page and Safelight answered in its place.',
  image_missing: 'The file is empty.',
  image_invalid: 'This is not a picture that can be read.',
  image_format_unsupported: 'This kind of picture cannot be read here.',
  media_type_unsupported: 'This kind of file cannot be read here.',
  upload_incomplete: 'The upload broke off before its last byte.',
  upload_timeout: 'The upload came too slowly.',
  overloaded: BUSY,
  database_unavailable: BUSY,
  storage_unavailable: BUSY,
  shutting_down: 'Safelight is restarting. Try again in a moment.',
  log_in_failed: 'E-mail or password is wrong.',
  log_in_locked: 'Too many tries have failed. Wait a moment before the next one.',
  session_ended: 'The session has ended. Log in again.',
  invitation_not_found: 'This invitation was used already, or is too old. Ask for a new one.',
  last_owner: 'Somebody must own the tenant: name another owner first.',
  scope_missing: 'Your role does not allow this.',
  feature_not_in_plan: 'The plan does not allow this.',
  tenant_suspended: 'The tenant is suspended: all can be looked at, and nothing changed.',
  webhook_not_found: 'This webhook was removed meanwhile.',
  storage_full: 'The disk that keeps the pictures is full.',
  internal: 'Safelight made a mistake.',
};

/** Codes of refusals that hold however often the same picture is sent. */
const FINAL_CODES: readonly string[] = [
  'image_missing',
  'image_invalid',
  'image_format_unsupported',
  'media_type_unsupported',
  'image_too_large',
  'upload_too_large',
];

/** Any failure in plain words, with the bound that was crossed. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof SafelightError)) return { text: 'Something went wrong in this page.', retryable: true };
  if (error.bound) return { text: boundText(error.bound), retryable: isRetryable(error) };
  const text = TEXTS[error.code] ?? error.message;
  const detail = FINAL_CODES.includes(error.code) && error.detail ? ` ${sentence(error.detail)}` : '';
  return { text: text + detail, retryable: !FINAL_CODES.includes(error.code) };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** `Over the bound of 64 MiB: it has 70.1 MiB.` */
export function boundText(bound: { name: string; limit: number; actual?: number | undefined }): string {
  const show = unitOf(bound.name);
  return `Over the bound of ${show(bound.limit)}${bound.actual === undefined ? '' : `: it has ${show(bound.actual)}`}.`;
}

function unitOf(bound: string): (value: number) => string {
  if (/bytes/i.test(bound)) return formatBytes;
  if (/pixels/i.test(bound)) return (value) => `${Number((value / 1e6).toPrecision(3))} megapixels`;
  const noun = bound.replace(/Max$/, '').replace(/[A-Z_]/g, (letter) => ` ${letter.toLowerCase().replace('_', '')}`);
  return (value) => `${value.toLocaleString('en')} ${noun.trim()}`;
}
