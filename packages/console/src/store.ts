import { type Action, type Card, EMPTY, type ImageCard, reduce, type State } from './state.ts';

/** The page's one state; React subscribes to it, and everything that happens is dispatched to it. */
export class Store {
  #state = EMPTY;
  readonly #listeners = new Set<() => void>();

  /** An arrow, since React calls it bare. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly state = (): State => this.#state;

  dispatch(action: Action): void {
    this.#state = reduce(this.#state, action);
    for (const listener of this.#listeners) listener();
  }

  /** Tells screen readers, and everybody else by a toast unless it can be seen anyway. */
  say(text: string, loudness: 'toast' | 'quiet' = 'toast'): void {
    this.dispatch({ type: 'said', text, quiet: loudness === 'quiet' });
  }

  card(key: string): Card | undefined {
    return this.#state.cards.find((card) => card.key === key);
  }

  imageCard(imageId: string): ImageCard | undefined {
    return this.#state.cards.find((card): card is ImageCard => card.step === 'accepted' && card.image.id === imageId);
  }

  /** Takes a card off the page, and its local preview out of the memory. */
  remove(card: Card): void {
    if (card.previewUrl) URL.revokeObjectURL(card.previewUrl);
    this.dispatch({ type: 'removed', key: card.key });
  }
}
