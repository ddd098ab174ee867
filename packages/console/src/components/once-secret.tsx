import { Icon } from './icon.tsx';

interface OnceSecretProps {
  readonly label: string;
  readonly secret: string;
  readonly onCopy: (text: string) => void;
}

/** Something that is shown this once. */
export function OnceSecret({ label, secret, onCopy }: OnceSecretProps) {
  return (
    <div className="once" role="status">
      <p>
        <b>{label}</b> Copy it now: it is shown this once.
      </p>
      <div className="once-line">
        <code>{secret}</code>
        <button type="button" className="icon-button" onClick={() => onCopy(secret)} aria-label={`Copy: ${label}`}>
          <Icon name="copy" />
        </button>
      </div>
    </div>
  );
}
