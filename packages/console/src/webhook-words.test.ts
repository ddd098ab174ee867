import type { WebhookDelivery } from '@safelight/contract';
import { expect, test } from 'vitest';
import { answerText, kindsText, webhookFacts } from './webhook-words.ts';

const delivery: WebhookDelivery = {
  ...{ eventId: 'evt_1', position: 1, type: 'image.deleted', state: 'pending', attempts: 0 },
  createdAt: '2026-11-22T13:00:00.000Z',
};
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

test.each([
  [{}, 'not tried yet'],
  [{ status: 204, tookMs: 35 }, '204 in 35 ms'],
  [{ status: 500, tookMs: 9, error: 'no success' }, '500 in 9 ms · no success'],
  [{ error: 'connection refused' }, 'connection refused'],
])('an answer of %j is told as "%s"', (facts, text) => expect(plain(answerText({ ...delivery, ...facts }))).toBe(text));

test('a webhook tells what it hears of, and since when it fails', () => {
  expect(kindsText({})).toBe('all events');
  expect(kindsText({ eventTypes: ['image.deleted'] })).toBe('image.deleted');
  expect(kindsText({ eventTypes: ['image.deleted', 'job.dead'] })).toBe('2 kinds of events');
  const webhook = {
    ...{ id: 'whk_1', url: 'https://example.org/', description: '', state: 'disabled' as const },
    createdAt: '2026-11-22T13:00:00.000Z',
  };
  expect(webhookFacts({ ...webhook, disabledCause: 'by the tenant' })).toMatch(
    /^all events · made .+ · disabled: by the tenant$/,
  );
});
