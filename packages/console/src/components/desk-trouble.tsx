import type { Trouble } from '../words.ts';
import { Icon } from './icon.tsx';

/** Why a page has nothing to show, or nothing new. */
export function DeskTrouble({ trouble, onRetry }: { trouble: Trouble; onRetry: () => void }) {
  return (
    <div className="notice desk-trouble" role="alert">
      <Icon name="warning" />
      <p>{trouble.text}</p>
      <button type="button" className="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}
