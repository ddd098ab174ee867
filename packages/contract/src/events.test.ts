import { expect, test } from 'vitest';
import { EVENTS } from './events.ts';

test.each(Object.entries(EVENTS))(
  '%s is named noun.verb, as the log demands, and is an object',
  (type, { data, personal }) => {
    expect(type).toMatch(/^[a-z]+\.[a-z_]+$/);
    expect(data.safeParse([]).success).toBe(false);
    expect(data.safeParse({ unknown: 1 }).success).toBe(false);
    expect(personal.safeParse([]).success).toBe(false);
    expect(personal.safeParse({ unknown: 1 }).success).toBe(false);
  },
);
