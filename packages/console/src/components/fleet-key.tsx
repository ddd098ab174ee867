import { type FormEvent, useState } from 'react';
import { refusalText } from '../fleet-words.ts';
import { fleetOf } from '../use-fleet.ts';

interface FleetKeyProps {
  /** Why the key that was there does not open the page any more. */
  readonly refusal: string | undefined;
  readonly onOpen: (key: string) => void;
}

/** Asks for the operator's key, and tries it before it is kept. */
export function FleetKey({ refusal, onOpen }: FleetKeyProps) {
  const [trying, setTrying] = useState(false);
  const [trouble, setTrouble] = useState(refusal);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get('key') ?? '').trim();
    if (!/^[\x21-\x7e]{1,200}$/.test(key)) {
      setTrouble(key === '' ? 'Paste the key first.' : 'A key has neither spaces nor accents in it.');
      return;
    }
    setTrying(true);
    setTrouble(undefined);
    try {
      await fleetOf(key).nodes({ limit: 1 });
      onOpen(key);
    } catch (error) {
      setTrouble(refusalText(error));
      setTrying(false);
    }
  };
  return (
    <form className="fleet-key" onSubmit={(event) => void submit(event)} noValidate>
      <h1>The fleet</h1>
      <p>
        Machines, what the autoscaler decides, and why. For the operator: make a key with{' '}
        <code>safelight operator-key</code>, or take the one in the file <code>operator-key</code> of the data folder.
      </p>
      <label htmlFor="operator-key">Operator’s key</label>
      <div className="fleet-key-row">
        <input
          id="operator-key"
          name="key"
          type="password"
          autoComplete="off"
          spellCheck={false}
          aria-invalid={trouble !== undefined}
          aria-describedby="operator-key-kept operator-key-trouble"
        />
        <button type="submit" className="button button-primary" disabled={trying}>
          {trying ? 'Trying…' : 'Show the fleet'}
        </button>
      </div>
      <p id="operator-key-trouble" className="fleet-key-trouble" role="alert">
        {trouble}
      </p>
      <p id="operator-key-kept" className="fleet-key-kept">
        It stays in this tab, and is forgotten when the tab is closed.
      </p>
    </form>
  );
}
