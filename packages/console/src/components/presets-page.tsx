import type { Preset, Session } from '@safelight/contract';
import { useRef, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { faultOf, type PresetFault, sampleOf } from '../preset-words.ts';
import { usePresets } from '../use-presets.ts';
import { troubleOf } from '../words.ts';
import { DeskTrouble } from './desk-trouble.tsx';
import { NO_DRAFT, type PresetDraft, PresetForm } from './preset-form.tsx';
import { PresetRow } from './preset-row.tsx';

interface PresetsPageProps {
  readonly darkroom: Darkroom;
  readonly session: Session;
}

/** What names in URLs stand for: the built-in presets and the tenant's own. */
export function PresetsPage({ darkroom, session }: PresetsPageProps) {
  const { client, store, within } = darkroom;
  const { found, trouble, again } = usePresets(darkroom, session.scopes.includes('images:read'));
  const [draft, setDraft] = useState(NO_DRAFT);
  const [fault, setFault] = useState<PresetFault>();
  const transformation = useRef<HTMLInputElement>(null);
  const presets = found?.presets ?? [];
  const write = (next: PresetDraft) => {
    setDraft(next);
    setFault(undefined);
  };
  const change = ({ name, transformation: text, onUpload }: Preset) => {
    write({ name, transformation: text, onUpload });
    transformation.current?.focus();
  };
  const save = async () => {
    const { name, ...wish } = draft;
    try {
      await within(() => client.presets.put(name, wish));
    } catch (error) {
      return setFault(faultOf(error));
    }
    write(NO_DRAFT);
    store.say(`${name} is saved.`);
    await again();
  };
  const remove = async (name: string) => {
    try {
      await within(() => client.presets.remove(name));
      store.say(`${name} is removed.`);
    } catch (error) {
      store.say(troubleOf(error).text);
    }
    await again();
  };
  return (
    <section className="desk" aria-labelledby="presets-title">
      <h1 id="presets-title">Presets</h1>
      <p className="desk-words">
        A preset is a name in URLs for a size and a form. When it changes, pictures are made anew in the background;
        until one is, its URL answers with what the name stood for before.
      </p>
      <PresetForm
        draft={draft}
        isChange={presets.some(({ name }) => name === draft.name)}
        fault={fault}
        transformation={transformation}
        onDraft={write}
        onSave={save}
      />
      {trouble && <DeskTrouble trouble={trouble} onRetry={() => void again()} />}
      {!found && !trouble && <p className="desk-words">Reading the presets…</p>}
      <ul className="desk-list">
        {presets.map((preset) => (
          <PresetRow
            // What has changed asks anew whether to take it away.
            key={`${preset.name} ${preset.version}`}
            preset={preset}
            sample={sampleOf(preset, found?.newest)}
            onChange={() => change(preset)}
            onRemove={() => void remove(preset.name)}
          />
        ))}
      </ul>
    </section>
  );
}
