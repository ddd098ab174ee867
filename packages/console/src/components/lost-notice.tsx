import type { Trouble } from '../words.ts';
import { Icon } from './icon.tsx';

export function LostNotice({ trouble, onRetry }: { trouble: Trouble; onRetry: () => void }) {
  return (
    <div className="notice" role="alert">
      <Icon name="warning" />
      <p>
        {trouble.text} <span>This page tries again by itself.</span>
      </p>
      <button type="button" className="button" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}
