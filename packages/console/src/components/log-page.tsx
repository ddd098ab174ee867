import type { AuditedEvent } from '@safelight/contract';
import { type FormEvent, useCallback, useEffect, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { EVENT_TYPES, eventText, exportAddress, filterOf, type LogFilter } from '../event-words.ts';
import { type Trouble, troubleOf } from '../words.ts';
import { DeskTrouble } from './desk-trouble.tsx';
import { LogTable } from './log-table.tsx';

const PAGE_EVENTS = 50;

/** Who did what: the sealed log of the tenant, the newest first. */
export function LogPage({ darkroom }: { darkroom: Darkroom }) {
  const [filter, setFilter] = useState<LogFilter>({});
  const { events, next, trouble, load } = useLog(darkroom, filter);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  return (
    <section className="desk" aria-labelledby="log-title">
      <h1 id="log-title">Log</h1>
      <p className="desk-words">
        Who did what, and from where. Each line is sealed by the one behind it, so that none can be changed or left out
        without a trace.
      </p>
      <LogForm key={JSON.stringify(filter)} filter={filter} onFilter={setFilter} />
      <p className="log-links">
        <a className="quiet-link" href={exportAddress(filter)} download="log.ndjson">
          Download {isFiltered ? 'what fits' : 'all'} as JSON lines
        </a>
        {isFiltered && (
          <button type="button" className="text-button" onClick={() => setFilter({})}>
            Show everything
          </button>
        )}
      </p>
      {trouble && <DeskTrouble trouble={trouble} onRetry={() => void load()} />}
      {!events && !trouble && <p className="desk-words">Reading the log…</p>}
      {events && events.length > 0 && (
        <LogTable events={events} onActor={(actor) => setFilter({ actor })} onImage={(image) => setFilter({ image })} />
      )}
      {events?.length === 0 && (
        <p className="desk-words">{next === undefined ? 'Nothing fits.' : 'Nothing among the newest lines fits.'}</p>
      )}
      {next !== undefined && (
        <button type="button" className="button log-more" onClick={() => void load(next)}>
          Look further back
        </button>
      )}
    </section>
  );
}

/** The lines that fit, page after page. */
function useLog({ client, within }: Darkroom, filter: LogFilter) {
  const [events, setEvents] = useState<readonly AuditedEvent[]>();
  const [next, setNext] = useState<number>();
  const [trouble, setTrouble] = useState<Trouble>();
  const load = useCallback(
    async (after?: number, signal?: AbortSignal) => {
      try {
        const page = await within(() => client.audit.page({ ...filter, after, limit: PAGE_EVENTS }, { signal }));
        setEvents((before = []) => (after === undefined ? page.events : [...before, ...page.events]));
        setNext(page.next);
        setTrouble(undefined);
      } catch (error) {
        if (!signal?.aborted) setTrouble(troubleOf(error));
      }
    },
    [client, within, filter],
  );
  useEffect(() => {
    const stop = new AbortController();
    void load(undefined, stop.signal);
    return () => stop.abort();
  }, [load]);
  return { events, next, trouble, load };
}

function LogForm({ filter, onFilter }: { filter: LogFilter; onFilter: (filter: LogFilter) => void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onFilter(filterOf(new FormData(event.currentTarget)));
  };
  return (
    <form className="desk-form log-form" onSubmit={submit}>
      <label>
        What happened
        <select name="type" defaultValue={filter.type ?? ''}>
          <option value="">anything</option>
          {EVENT_TYPES.map((type) => (
            <option key={type} value={type}>
              {eventText(type)}
            </option>
          ))}
        </select>
      </label>
      <label>
        Who did it
        <input name="actor" maxLength={64} placeholder="id of a key or person" defaultValue={filter.actor} />
      </label>
      <label>
        Image
        <input name="image" maxLength={64} placeholder="img_…" defaultValue={filter.image} />
      </label>
      <button type="submit" className="button button-primary">
        Show
      </button>
    </form>
  );
}
