import type { Image, Rendition, Session, WaysIn } from '@safelight/contract';
import type { Trouble } from './words.ts';

/**
 * What the page shows, and every way in which that changes. One card per picture, from the drop on: it keeps its key
 * when the service gives the picture its id, so that nothing on the screen starts anew.
 */

interface CardBase {
  readonly key: string;
  /** Shows the local file until a rendition can. */
  readonly previewUrl: string | undefined;
}

export interface UploadCard extends CardBase {
  readonly step: 'waiting' | 'sending' | 'refused';
  readonly file: File;
  /** Stays the same when a person tries again: an upload whose answer was lost still makes one image. */
  readonly idempotencyKey: string;
  readonly bytesSent: number;
  /** Set when refused. */
  readonly trouble: Trouble | undefined;
}

export interface ImageCard extends CardBase {
  readonly step: 'accepted';
  readonly image: Image;
  readonly deleting: boolean;
}

export type Card = UploadCard | ImageCard;

export interface State {
  readonly session: Session | undefined;
  /** How to log in, while nobody is. */
  readonly out: WaysIn | undefined;
  /** Why the page cannot speak to the service just now. */
  readonly lost: Trouble | undefined;
  /** Whether the first page of pictures has come. */
  readonly listed: boolean;
  readonly loadingMore: boolean;
  readonly cards: readonly Card[];
  /** The cursor behind the last picture shown. */
  readonly next: string | undefined;
  /** The last thing worth saying, and its number, so that the same words can be said again. */
  readonly said: { readonly count: number; readonly text: string; readonly quiet: boolean };
}

export const EMPTY: State = {
  session: undefined,
  out: undefined,
  lost: undefined,
  listed: false,
  loadingMore: false,
  cards: [],
  next: undefined,
  said: { count: 0, text: '', quiet: true },
};

export type RenditionChange = { readonly id: string } & Partial<Omit<Rendition, 'id'>>;

export type Action =
  | { readonly type: 'opened'; readonly session: Session }
  | { readonly type: 'loggedOut'; readonly ways: WaysIn }
  | { readonly type: 'lost'; readonly trouble: Trouble }
  | { readonly type: 'loadingMore' }
  | {
      readonly type: 'listed';
      readonly images: readonly Image[];
      readonly next: string | undefined;
      readonly first: boolean;
    }
  | { readonly type: 'taken'; readonly cards: readonly UploadCard[] }
  | { readonly type: 'progressed'; readonly key: string; readonly bytesSent: number }
  | { readonly type: 'waiting'; readonly key: string }
  | { readonly type: 'refused'; readonly key: string; readonly trouble: Trouble }
  | { readonly type: 'accepted'; readonly key: string; readonly image: Image }
  | { readonly type: 'imageRead'; readonly image: Image }
  | { readonly type: 'renditionChanged'; readonly imageId: string; readonly rendition: RenditionChange }
  | { readonly type: 'previewDropped'; readonly key: string }
  | { readonly type: 'deleting'; readonly key: string; readonly deleting: boolean }
  | { readonly type: 'removed'; readonly key: string }
  | { readonly type: 'said'; readonly text: string; readonly quiet: boolean };

/** The next state. */
export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'opened':
      return { ...state, session: action.session, out: undefined, lost: undefined };
    case 'loggedOut':
      return { ...EMPTY, out: action.ways };
    case 'lost':
      return { ...state, lost: action.trouble, loadingMore: false };
    case 'loadingMore':
      return { ...state, loadingMore: true };
    case 'listed':
      return listed(state, action);
    case 'taken':
      return { ...state, cards: [...action.cards, ...state.cards] };
    case 'removed':
      return { ...state, cards: state.cards.filter(({ key }) => key !== action.key) };
    case 'said':
      return { ...state, said: { count: state.said.count + 1, text: action.text, quiet: action.quiet } };
    default:
      return { ...state, cards: state.cards.map((card) => changed(card, action)) };
  }
}

type CardAction = Exclude<
  Action,
  { readonly type: 'opened' | 'loggedOut' | 'lost' | 'loadingMore' | 'listed' | 'taken' | 'removed' | 'said' }
>;

function changed(card: Card, action: CardAction): Card {
  if (action.type === 'imageRead' || action.type === 'renditionChanged') return withFacts(card, action);
  if (card.key !== action.key) return card;
  if (action.type === 'previewDropped') return { ...card, previewUrl: undefined };
  if (card.step === 'accepted') return action.type === 'deleting' ? { ...card, deleting: action.deleting } : card;
  switch (action.type) {
    case 'waiting':
      return { ...card, step: 'waiting', bytesSent: 0, trouble: undefined };
    case 'progressed':
      return { ...card, step: 'sending', bytesSent: action.bytesSent };
    case 'refused':
      return { ...card, step: 'refused', trouble: action.trouble };
    case 'accepted':
      return { key: card.key, previewUrl: card.previewUrl, step: 'accepted', image: action.image, deleting: false };
    case 'deleting':
      return card;
  }
}

function withFacts(card: Card, action: CardAction & { readonly type: 'imageRead' | 'renditionChanged' }): Card {
  if (card.step !== 'accepted') return card;
  if (action.type === 'imageRead') return card.image.id === action.image.id ? { ...card, image: action.image } : card;
  if (card.image.id !== action.imageId) return card;
  const { rendition } = action;
  const renditions = card.image.renditions.map((one) => (one.id === rendition.id ? { ...one, ...rendition } : one));
  return { ...card, image: { ...card.image, renditions } };
}

/** Pictures that are shown already keep their card and get the newer facts; the others go behind the last. */
function listed(state: State, { images, next, first }: Action & { readonly type: 'listed' }): State {
  const byId = new Map(images.map((image) => [image.id, image]));
  const kept = state.cards.map((card): Card => {
    const image = card.step === 'accepted' ? byId.get(card.image.id) : undefined;
    if (card.step !== 'accepted' || !image) return card;
    byId.delete(image.id);
    return { ...card, image };
  });
  const fresh = [...byId.values()].map(
    (image): Card => ({ key: image.id, previewUrl: undefined, step: 'accepted', image, deleting: false }),
  );
  // A first page that is read again after an outage must not forget how far down the list already reaches.
  const cursor = first && state.listed ? state.next : next;
  return { ...state, cards: [...kept, ...fresh], next: cursor, listed: true, loadingMore: false, lost: undefined };
}

/** Whether every rendition has ended, one way or the other. */
export function isSettled(image: Image): boolean {
  return image.renditions.every(({ state }) => state !== 'pending');
}
