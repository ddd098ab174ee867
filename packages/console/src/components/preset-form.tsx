import { type FormEvent, type RefObject, useId } from 'react';
import type { PresetFault } from '../preset-words.ts';

export interface PresetDraft {
  readonly name: string;
  readonly transformation: string;
  readonly onUpload: boolean;
}

export const NO_DRAFT: PresetDraft = { name: '', transformation: '', onUpload: true };

interface PresetFormProps {
  readonly draft: PresetDraft;
  /** Whether the name stands for something already. */
  readonly isChange: boolean;
  readonly fault: PresetFault | undefined;
  readonly transformation: RefObject<HTMLInputElement | null>;
  readonly onDraft: (draft: PresetDraft) => void;
  readonly onSave: () => Promise<void>;
}

/** Makes a preset, or changes the one whose name is written. */
export function PresetForm({ draft, isChange, fault, transformation, onDraft, onSave }: PresetFormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void onSave();
  };
  const faultAt = (field: PresetFault['field']) => (fault?.field === field ? fault?.text : undefined);
  return (
    <form className="desk-form preset-form" aria-label="Make or change a preset" onSubmit={submit}>
      <Field
        label="Name"
        placeholder="hero"
        value={draft.name}
        fault={faultAt('name')}
        onText={(name) => onDraft({ ...draft, name: name.trim() })}
      />
      <Field
        label="Transformation, as in a URL"
        placeholder="w=1600&fm=webp"
        value={draft.transformation}
        fault={faultAt('transformation')}
        input={transformation}
        onText={(text) => onDraft({ ...draft, transformation: text })}
      />
      <label>
        Made
        <select
          value={draft.onUpload ? 'upload' : 'demand'}
          onChange={(event) => onDraft({ ...draft, onUpload: event.target.value === 'upload' })}
        >
          <option value="upload">of each upload</option>
          <option value="demand">when asked for</option>
        </select>
      </label>
      <div className="preset-form-end">
        <button type="submit" className="button button-primary">
          {isChange ? `Save ${draft.name}` : 'Make a preset'}
        </button>
        {isChange && (
          <button type="button" className="text-button" onClick={() => onDraft(NO_DRAFT)}>
            Leave it as it is
          </button>
        )}
        {fault && fault.field === undefined && (
          <p className="preset-fault" role="alert">
            {fault.text}
          </p>
        )}
      </div>
    </form>
  );
}

interface FieldProps {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly fault: string | undefined;
  readonly input?: RefObject<HTMLInputElement | null>;
  readonly onText: (text: string) => void;
}

/** A field for what machines read, and below it what is wrong with what stands there. */
function Field({ label, placeholder, value, fault, input, onText }: FieldProps) {
  const id = useId();
  return (
    <div className="preset-field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        ref={input}
        required
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder={placeholder}
        value={value}
        aria-invalid={fault !== undefined}
        aria-describedby={fault === undefined ? undefined : `${id}-fault`}
        onChange={(event) => onText(event.target.value)}
      />
      {fault !== undefined && (
        <p id={`${id}-fault`} className="preset-fault" role="alert">
          {fault}
        </p>
      )}
    </div>
  );
}
