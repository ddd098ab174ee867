import { useState } from 'react';

interface ConfirmButtonProps {
  readonly text: string;
  /** What stands there after the first click. */
  readonly really: string;
  readonly title?: string;
  readonly onConfirm: () => void;
}

/** Does what cannot be taken back by the second click; the first one asks. */
export function ConfirmButton({ text, really, title, onConfirm }: ConfirmButtonProps) {
  const [isAsked, setAsked] = useState(false);
  return isAsked ? (
    <button type="button" className="button button-danger" onClick={onConfirm}>
      {really}
    </button>
  ) : (
    <button type="button" className="text-button" title={title} onClick={() => setAsked(true)}>
      {text}
    </button>
  );
}
