import { describe, expect, it } from 'vitest';
import { PlacesTakenError, TenantPlaces } from './tenant-places.ts';

/** The bound that refuses a place, by name and limit; undefined when it is given. */
function refusal(places: TenantPlaces, tenantId: string): string | undefined {
  try {
    places.take(tenantId);
  } catch (error) {
    const { name, limit } = (error as PlacesTakenError).bound;
    return `${name} ${limit}`;
  }
  return undefined;
}

describe('the places of a node', () => {
  it('are half of them for one tenant at most, the rest for others', () => {
    const places = new TenantPlaces('uploads', 5);
    expect([1, 2, 3, 4].map(() => refusal(places, 'a'))).toEqual([
      undefined,
      undefined,
      undefined,
      'uploadsOfTenantMax 3',
    ]);
    expect(refusal(places, 'b')).toBeUndefined();
    expect(places.taken).toBe(4);
  });

  it('are bounded over all tenants', () => {
    const places = new TenantPlaces('uploads', 3);
    expect(['a', 'b', 'c', 'd'].map((tenant) => refusal(places, tenant))).toEqual([
      undefined,
      undefined,
      undefined,
      'uploadsMax 3',
    ]);
  });

  it('are free again when they are given back', () => {
    const places = new TenantPlaces('uploads', 2);
    const giveBack = places.take('a');
    expect(() => places.take('a')).toThrow(PlacesTakenError);
    giveBack();
    expect(places.taken).toBe(0);
    expect(refusal(places, 'a')).toBeUndefined();
  });

  it('are one for each, even where there is but one', () => {
    expect(refusal(new TenantPlaces('uploads', 1), 'a')).toBeUndefined();
  });
});
