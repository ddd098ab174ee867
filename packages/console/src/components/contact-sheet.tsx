import type { Card } from '../state.ts';
import type { CardActions } from './card-actions.ts';
import { PictureCard } from './picture-card.tsx';

interface ContactSheetProps {
  readonly cards: readonly Card[];
  readonly actions: CardActions;
  readonly more: boolean;
  readonly loadingMore: boolean;
  readonly onMore: () => void;
}

/** All pictures, newest first. */
export function ContactSheet({ cards, actions, more, loadingMore, onMore }: ContactSheetProps) {
  if (cards.length === 0 && !more) return null;
  return (
    <section aria-label="Pictures">
      <ul className="sheet">
        {cards.map((card) => (
          <PictureCard key={card.key} card={card} actions={actions} />
        ))}
      </ul>
      {more && (
        <div className="sheet-more">
          <button type="button" className="button" onClick={onMore} disabled={loadingMore}>
            {loadingMore ? 'Loading…' : 'Load more'}
          </button>
        </div>
      )}
    </section>
  );
}
