import { describe, expect, it } from 'vitest';
import { acceptsJson } from './exercise.ts';

describe('an Accept header leaves room for JSON', () => {
  it.each([
    undefined,
    '',
    ' ',
    '*/*',
    'application/json',
    'Application/JSON',
    'application/*',
    'text/html,application/xhtml+xml,*/*;q=0.8',
    'text/html, application/json;q=0.001',
    'application/json;charset=utf-8',
    '*/*;q=0, application/json',
  ])('when it is %s', (accept) => {
    expect(acceptsJson(accept)).toBe(true);
  });

  it.each([
    'text/html',
    'text/*',
    'image/avif,image/webp',
    'application/json;q=0',
    'application/json;q=0.0, */*',
    'application/*;q=0, */*',
    '*/*;q=0',
    'application/xml',
    'application/json-seq',
  ])('not when it is %s', (accept) => {
    expect(acceptsJson(accept)).toBe(false);
  });
});
