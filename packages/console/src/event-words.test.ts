import { EVENTS } from '@safelight/contract';
import { expect, it } from 'vitest';
import { EVENT_TYPES, eventText, exportAddress, filterOf, originText } from './event-words.ts';

it('has words for every event of the catalogue, and the name of any other', () => {
  expect([...EVENT_TYPES]).toEqual(Object.keys(EVENTS).sort());
  for (const type of EVENT_TYPES) expect(eventText(type)).not.toBe(type);
  expect(eventText('moon.risen')).toBe('moon.risen');
  expect(eventText('toString')).toBe('toString');
});

it('asks for what the form says, and for nothing where it is empty', () => {
  const form = new FormData();
  form.set('type', '');
  form.set('actor', ' key_1 ');
  const filter = filterOf(form);
  expect(filter).toEqual({ type: undefined, actor: 'key_1', image: undefined });
  expect(exportAddress(filter)).toBe('/v1/audit/export?actor=key_1');
  expect(exportAddress({})).toBe('/v1/audit/export');
  expect(exportAddress({ type: 'image.deleted', image: 'a&b' })).toBe(
    '/v1/audit/export?type=image.deleted&image=a%26b',
  );
});

it('tells where a request came from, unless that was erased', () => {
  expect(originText({ personal: { address: '192.0.2.1' } })).toBe('192.0.2.1');
  expect(originText({ personal: { filename: 'cat.jpg' } })).toBeUndefined();
  expect(originText({})).toBeUndefined();
});
