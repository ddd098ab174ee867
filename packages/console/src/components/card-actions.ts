import type { ImageCard } from '../state.ts';

/** Which rendition of which card is shown large. */
export interface Shown {
  readonly key: string;
  readonly renditionId: string;
}

/** What can be done to a card. */
export interface CardActions {
  copy(text: string): void;
  show(shown: Shown): void;
  askToDelete(card: ImageCard): void;
  retry(key: string): void;
  dismiss(key: string): void;
  /** A rendition stands where the local preview stood. */
  developed(key: string): void;
}
