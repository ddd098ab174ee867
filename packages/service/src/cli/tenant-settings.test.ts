import { describe, expect, it } from 'vitest';
import { ExitError } from './exit.ts';
import { type SettingOptions, settingsOf } from './tenant-settings.ts';

describe('settings as options', () => {
  it('say what is named, in the shape of the API, and nothing of the rest', () => {
    expect(settingsOf({})).toBeUndefined();
    expect(settingsOf({ keepMetadata: 'none', formats: 'all', retentionDays: 'never' })).toEqual({
      keepMetadata: [],
      formats: null,
      retentionDays: null,
    });
    expect(settingsOf({ visibility: 'private' })).toEqual({ visibility: 'private' });
  });

  it('name the pages that may read, and whether they may send cookies, together', () => {
    expect(settingsOf({ cors: 'all' })).toEqual({ cors: { origins: '*', credentials: false } });
    expect(settingsOf({ cors: 'none' })).toEqual({ cors: { origins: [], credentials: false } });
    expect(settingsOf({ cors: 'https://a.example, https://b.example:8443', corsCredentials: true })).toEqual({
      cors: { origins: ['https://a.example', 'https://b.example:8443'], credentials: true },
    });
  });

  it.each<[SettingOptions, RegExp]>([
    [{ visibility: 'nobody' }, /^--visibility: .*"public"\|"private"/],
    [{ cors: 'all', corsCredentials: true }, /^--cors: .*a list of origins/],
    [{ corsCredentials: true }, /^--cors-credentials: takes --cors/],
    [{ cors: 'shop.example' }, /^--cors: is no origin/],
    [{ trashDays: 'many' }, /^--trash-days: /],
  ])('that cannot be are refused by their name: %j', (options, words) => {
    const settings = () => settingsOf(options);
    expect(settings).toThrow(ExitError);
    expect(settings).toThrow(words);
  });
});
