import type { Preset } from '@safelight/contract';
import { useState } from 'react';
import { kindOf, presetFacts, progressText, type Sample } from '../preset-words.ts';
import { nameOf } from '../words.ts';
import { ConfirmButton } from './confirm-button.tsx';
import { Icon } from './icon.tsx';

interface PresetRowProps {
  readonly preset: Preset;
  readonly sample: Sample;
  readonly onChange: () => void;
  readonly onRemove: () => void;
}

export function PresetRow({ preset, sample, onChange, onRemove }: PresetRowProps) {
  const { name, transformation, progress } = preset;
  const kind = kindOf(preset);
  const words = progressText(progress);
  return (
    <li className="desk-row preset" aria-label={name}>
      <SamplePicture name={name} sample={sample} />
      <div className="desk-row-words preset-words">
        <b>{name}</b> <span className="desk-state">{kind}</span>
        <code className="preset-transformation">{transformation}</code>
        <span className="desk-facts">{presetFacts(preset)}</span>
        {progress.pending > 0 && (
          <progress
            className="preset-progress"
            aria-label={`Pictures made anew for ${name}`}
            value={progress.done + progress.failed}
            max={progress.total}
          />
        )}
        {words && <span className="desk-facts">{words}</span>}
      </div>
      <div className="desk-row-buttons">
        <button type="button" className="text-button" aria-label={`Change ${name}`} onClick={onChange}>
          Change
        </button>
        {kind === 'your own' && <ConfirmButton text="Remove" really="Really remove" onConfirm={onRemove} />}
        {kind === 'built in, changed' && (
          <ConfirmButton
            text="Put back"
            really="Really put back"
            title="What is built in by this name"
            onConfirm={onRemove}
          />
        )}
      </div>
    </li>
  );
}

/** The newest picture by this preset. */
function SamplePicture({ name, sample }: { name: string; sample: Sample }) {
  // The URL whose loading failed: it may be of a file that browsers cannot show, or that could not be made.
  const [unshowable, setUnshowable] = useState<string>();
  if (sample === 'coming') return <span className="preset-sample preset-sample-coming" />;
  if (sample === 'none' || sample.url === unshowable) {
    return (
      <span className="preset-sample">
        <Icon name="picture" />
      </span>
    );
  }
  const { url, image } = sample;
  return (
    <a className="preset-sample" href={url} target="_blank" rel="noreferrer" title={`${nameOf(image)} as ${name}`}>
      <img src={url} alt={`${nameOf(image)} as ${name}`} decoding="async" onError={() => setUnshowable(url)} />
    </a>
  );
}
