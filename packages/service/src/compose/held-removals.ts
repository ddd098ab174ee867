import { isRemovalHeld } from '../backup/index.ts';
import type { Queryable } from '../db/database.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/**
 * The same store, which removes nothing while a backup holds removals up: the janitor sweeps it when that is over. Where
 * the database cannot be asked, nothing is removed either.
 */
export function holdRemovals(store: ObjectStore, database: Queryable): ObjectStore {
  const remove: ObjectStore['remove'] = async (keys) => {
    if (keys.length > 0 && !(await isRemovalHeld(database).catch(() => true))) await store.remove(keys);
  };
  // Of whatever else a store can do, nothing changes.
  const bound = new Map<string | symbol, unknown>([['remove', remove]]);
  return new Proxy(store, {
    get: (target, name) => {
      if (bound.has(name)) return bound.get(name);
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      const method: unknown = member.bind(target);
      bound.set(name, method);
      return method;
    },
  });
}
