import type { Image, Preset } from '@safelight/contract';
import { useCallback, useEffect, useRef } from 'react';
import type { Darkroom } from './darkroom.ts';
import { isUnderWay, progressText } from './preset-words.ts';
import { type Asked, useAsked } from './use-asked.ts';

export interface PresetSight {
  readonly presets: readonly Preset[];
  /** The newest picture, to show what they make of it; undefined when there is none, or none may be seen. */
  readonly newest: Image | undefined;
}

const LOOK_EVERY_MS = 1_000;

/** The presets; looked at again for as long as pictures are made anew. */
export function usePresets({ client, store, within }: Darkroom, maySeePictures: boolean): Asked<PresetSight> {
  const ask = useCallback(
    () =>
      within(async () => {
        const [presets, newest] = await Promise.all([
          client.presets.list(),
          maySeePictures ? client.images.list({ limit: 1 }).then(({ images }) => images[0]) : undefined,
        ]);
        return { presets, newest };
      }),
    [client, within, maySeePictures],
  );
  const asked = useAsked(ask);
  const { found, again } = asked;
  const isGoingOn = found !== undefined && isUnderWay(found.presets, found.newest);
  useEffect(() => {
    if (!isGoingOn) return;
    const timer = window.setInterval(() => void (document.hidden || again()), LOOK_EVERY_MS);
    return () => window.clearInterval(timer);
  }, [isGoingOn, again]);
  const pending = useRef<ReadonlySet<string>>(new Set());
  useEffect(() => {
    if (!found) return;
    for (const { name, progress } of found.presets) {
      if (progress.pending === 0 && pending.current.has(name))
        store.say(`${name}: ${progressText(progress)}.`, 'quiet');
    }
    pending.current = new Set(found.presets.filter(({ progress }) => progress.pending > 0).map(({ name }) => name));
  }, [found, store]);
  return asked;
}
