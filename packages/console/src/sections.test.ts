import { ROLE_SCOPES } from '@safelight/contract';
import { describe, expect, it } from 'vitest';
import { sectionOf, sectionsOf } from './sections.ts';

const names = (role: keyof typeof ROLE_SCOPES) =>
  sectionsOf({ scopes: [...ROLE_SCOPES[role]] }).map(({ name }) => name);

describe('the pages that are offered', () => {
  it('are those that a role opens', () => {
    expect(names('owner')).toEqual(['Pictures', 'Usage', 'Presets', 'Log', 'Webhooks', 'Keys', 'People']);
    expect(names('editor')).toEqual(['Pictures', 'Usage']);
    expect(names('billing')).toEqual(['Usage']);
  });

  it('begin with the first that is allowed, also where the address names another', () => {
    const billing = { scopes: [...ROLE_SCOPES.billing] };
    expect(sectionOf(billing, '').name).toBe('Usage');
    expect(sectionOf(billing, '#/keys').name).toBe('Usage');
    expect(sectionOf({ scopes: [...ROLE_SCOPES.owner] }, '#/log').name).toBe('Log');
    expect(sectionOf({ scopes: [] }, '#/log').name).toBe('Pictures');
  });
});
