import { expect, it } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { isId } from '../core/ids.ts';
import { createRequestIds } from './request-ids.ts';

it('makes an id of its own for each request, over the end of what was fetched at once', () => {
  const nextId = createRequestIds(systemClock);
  const ids = Array.from({ length: 2_000 }, nextId);
  expect(new Set(ids).size).toBe(2_000);
  expect(ids.every((id) => isId('request', id))).toBe(true);
});
