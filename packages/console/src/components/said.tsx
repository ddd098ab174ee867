import { useEffect, useRef } from 'react';
import type { State } from '../state.ts';

/** What was said last: to screen readers always, as a toast when it cannot be seen anyway. */
export function Said({ said }: { said: State['said'] }) {
  const { count, text, quiet } = said;
  return (
    <>
      <div className="unseen" role="status" aria-live="polite">
        {text}
      </div>
      {/* A new key starts the animation, and with it the toast's time, anew. */}
      {count > 0 && !quiet && <Toast key={count} text={text} />}
    </>
  );
}

/** A popover, since only the browser's top layer lies above an open dialog. */
function Toast({ text }: { text: string }) {
  const toast = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    // Browsers without popovers show the toast all the same, below a dialog.
    toast.current?.showPopover?.();
  }, []);
  return (
    <p ref={toast} className="toast" popover="manual" aria-hidden="true">
      {text}
    </p>
  );
}
