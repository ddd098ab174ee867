import { useCallback, useEffect, useRef, useState } from 'react';
import { type Trouble, troubleOf } from './words.ts';

export interface Asked<T> {
  /** The last answer; it stays while the next is on its way. */
  readonly found: T | undefined;
  /** Why the last question has no answer. */
  readonly trouble: Trouble | undefined;
  /** Asks anew. */
  readonly again: () => Promise<void>;
}

/** What a page shows of the service; asked for when it opens, and whenever `ask` becomes another. */
export function useAsked<T>(ask: () => Promise<T>): Asked<T> {
  const [found, setFound] = useState<T>();
  const [trouble, setTrouble] = useState<Trouble>();
  const turns = useRef(0);
  const again = useCallback(async () => {
    const turn = ++turns.current;
    // An answer that was overtaken by a newer question says nothing any more.
    const isLatest = () => turn === turns.current;
    try {
      const answer = await ask();
      if (!isLatest()) return;
      setFound(() => answer);
      setTrouble(undefined);
    } catch (error) {
      if (isLatest()) setTrouble(troubleOf(error));
    }
  }, [ask]);
  useEffect(() => {
    void again();
    return () => {
      turns.current++;
    };
  }, [again]);
  return { found, trouble, again };
}
