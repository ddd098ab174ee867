import type { Image, Preset, PresetName } from '@safelight/contract';
import { SafelightError } from '@safelight/sdk';
import { formatTime, troubleOf } from './words.ts';

/** What is built in. Written here, since the catalogue brings its schemas along. */
export const BUILT_IN = {
  small: 'fit=max&h=100&w=100',
  medium: 'fit=max&h=300&w=300',
  large: 'fit=max&h=600&w=600',
} as const satisfies Record<PresetName, string>;

export type PresetKind = 'built in' | 'built in, changed' | 'your own';

/** Whose doing it is that the name stands for this. */
export function kindOf({ name, transformation, onUpload }: Preset): PresetKind {
  if (!Object.hasOwn(BUILT_IN, name)) return 'your own';
  return onUpload && transformation === BUILT_IN[name as PresetName] ? 'built in' : 'built in, changed';
}

/** What to know of a preset besides what it stands for. */
export function presetFacts({ version, onUpload, changedAt }: Preset): string {
  return [
    `version ${version}`,
    onUpload ? 'of each upload' : 'when asked for',
    changedAt === undefined ? 'from the beginning' : `since ${formatTime(changedAt)}`,
  ].join(' · ');
}

/** `2 of 3 pictures made anew, 1 kept as it was`; undefined where nothing had to be. */
export function progressText({ total, done, failed }: Preset['progress']): string | undefined {
  if (total === 0) return undefined;
  const kept = failed === 0 ? '' : `, ${failed.toLocaleString('en')} kept as ${failed === 1 ? 'it was' : 'they were'}`;
  const pictures = total === 1 ? 'picture' : 'pictures';
  return `${done.toLocaleString('en')} of ${total.toLocaleString('en')} ${pictures} made anew${kept}`;
}

/** What a preset makes of a picture, as far as it has: an address to show it by, or whether one is coming. */
export type Sample = { readonly url: string; readonly image: Image } | 'coming' | 'none';

/**
 * Of the tenant's newest picture. What is made when it is asked for has its address before it is there; while pictures
 * are made anew that address would answer with what was before, and the browser keep it.
 */
export function sampleOf({ name, progress }: Preset, image: Image | undefined): Sample {
  const rendition = image?.renditions.find(({ preset }) => preset === name);
  if (!image || rendition?.state === 'failed') return 'none';
  if (rendition ? rendition.state === 'pending' : progress.pending > 0) return 'coming';
  const url = rendition?.url ?? image.urls[name];
  return url === undefined ? 'none' : { url, image };
}

/** Whether what is shown will change by itself. */
export function isUnderWay(presets: readonly Preset[], image: Image | undefined): boolean {
  return presets.some((preset) => preset.progress.pending > 0 || sampleOf(preset, image) === 'coming');
}

export interface PresetFault {
  /** The field that it is about; undefined: about none of them. */
  readonly field: 'name' | 'transformation' | undefined;
  readonly text: string;
}

/** Codes by which the API refuses what somebody wrote. */
const REFUSALS: readonly string[] = ['request_invalid', 'feature_not_in_plan', 'format_not_allowed', 'limit_reached'];

/** Why a preset was refused, as the API words it, with the bound that was crossed. */
export function faultOf(error: unknown): PresetFault {
  if (!(error instanceof SafelightError) || !REFUSALS.includes(error.code)) {
    return { field: undefined, text: troubleOf(error).text };
  }
  const { message, bound } = error;
  const text = bound ? `${message} The bound ${bound.name} is ${bound.limit.toLocaleString('en')}.` : message;
  // Bounds are on names: how many there are, and how many things one of them stood for.
  return { field: bound || message.startsWith('name:') ? 'name' : 'transformation', text };
}
