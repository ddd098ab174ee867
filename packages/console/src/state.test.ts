import type { Image } from '@safelight/contract';
import { describe, expect, test } from 'vitest';
import { type Action, EMPTY, isSettled, reduce, type State, type UploadCard } from './state.ts';

const image = (id: string, state: 'pending' | 'ready' = 'pending'): Image => ({
  id,
  sha256: '0'.repeat(64),
  filename: `${id}.jpg`,
  bytes: 10,
  format: 'jpeg',
  width: 4,
  height: 3,
  frames: 1,
  state,
  visibility: 'public',
  tags: [],
  createdAt: '2026-01-01T00:00:00Z',
  urls: {},
  renditions: [{ id: `ren_${id}`, preset: 'small', transformation: 'w=100', state, url: 'http://s/r' }],
});
const upload = (key: string): UploadCard => ({
  key,
  step: 'waiting',
  file: new File(['abc'], 'a.jpg'),
  idempotencyKey: key,
  previewUrl: `blob:${key}`,
  bytesSent: 0,
  trouble: undefined,
});
const after = (...actions: Action[]): State => actions.reduce(reduce, EMPTY);
const listed = (images: Image[], next?: string, first = true): Action => ({ type: 'listed', images, next, first });

describe('the cards', () => {
  test('keep their key from the drop to the rendition, and the preview until it is dropped', () => {
    const steps: Action[] = [
      { type: 'taken', cards: [upload('f1')] },
      { type: 'progressed', key: 'f1', bytesSent: 2 },
      { type: 'accepted', key: 'f1', image: image('img_1') },
      { type: 'renditionChanged', imageId: 'img_1', rendition: { id: 'ren_img_1', state: 'ready', width: 100 } },
    ];
    const [card] = after(...steps).cards;
    expect(card).toMatchObject({ key: 'f1', step: 'accepted', previewUrl: 'blob:f1' });
    expect(card?.step === 'accepted' && card.image.renditions[0]).toMatchObject({
      state: 'ready',
      width: 100,
      preset: 'small',
    });
    expect(after(...steps, { type: 'previewDropped', key: 'f1' }).cards[0]?.previewUrl).toBeUndefined();
  });

  test('of uploads stand before the list, and a picture that the list tells of again is not shown twice', () => {
    const state = after(
      { type: 'taken', cards: [upload('f1')] },
      { type: 'accepted', key: 'f1', image: image('img_1') },
      listed([image('img_1', 'ready'), image('img_0', 'ready')], 'img_0'),
      listed([image('img_0'), image('img_a')], undefined, false),
    );
    expect(state.cards.map(({ key }) => key)).toEqual(['f1', 'img_0', 'img_a']);
    expect(state.cards[0]?.step === 'accepted' && isSettled(state.cards[0].image)).toBe(true);
    expect(state.next).toBeUndefined();
  });

  test('that did not change stay the very same, so that they are not drawn again', () => {
    const before = after({ type: 'taken', cards: [upload('f1'), upload('f2')] });
    const state = reduce(before, { type: 'progressed', key: 'f2', bytesSent: 1 });
    expect(state.cards[0]).toBe(before.cards[0]);
    expect(state.cards[1]).not.toBe(before.cards[1]);
  });

  test('an answer that comes late does not undo what came after it', () => {
    const state = after(
      { type: 'taken', cards: [upload('f1')] },
      { type: 'accepted', key: 'f1', image: image('img_1') },
      { type: 'progressed', key: 'f1', bytesSent: 3 },
      { type: 'refused', key: 'f1', trouble: { text: 'late', retryable: true } },
    );
    expect(state.cards[0]?.step).toBe('accepted');
  });
});

test('a list that is read again after an outage keeps the place that was reached, and takes the notice away', () => {
  const state = after(
    listed([image('img_9')], 'img_9'),
    listed([image('img_8')], 'img_8', false),
    { type: 'lost', trouble: { text: 'gone', retryable: true } },
    listed([image('img_9')], 'img_9'),
  );
  expect(state).toMatchObject({ next: 'img_8', lost: undefined });
  expect(state.cards.map(({ key }) => key)).toEqual(['img_9', 'img_8']);
});
