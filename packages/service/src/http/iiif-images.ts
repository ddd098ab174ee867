import { type IiifSource, PRESETS } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { findDelivery, findTenantOfImage } from '../images/index.ts';
import { FreshFacts } from './fresh-facts.ts';

/** What has to be known of an image before a path of the IIIF Image API can be read. */
export interface IiifImageFacts {
  readonly tenantId: string;
  /** Undefined: the image was deleted. */
  readonly source: IiifSource | undefined;
  readonly isPrivate: boolean;
}

const ENTRIES_MAX = 20_000;
/** How long another node's deletion may go unnoticed here when the word of it is lost. */
const STALE_MS_MAX = 5_000;

/** Whose an image is, and its size: asked for once, since every tile of it needs both. */
export class IiifImages {
  readonly #facts: FreshFacts<IiifImageFacts, IiifImageFacts | undefined>;

  constructor({ database, clock }: { readonly database: Database; readonly clock: Clock }) {
    this.#facts = new FreshFacts({
      clock,
      entriesMax: ENTRIES_MAX,
      msMax: STALE_MS_MAX,
      ask: (imageId) => findFacts(database, imageId),
      keep: (_imageId, facts) => facts,
    });
  }

  /** Undefined: there is no such image. */
  async find(imageId: string): Promise<IiifImageFacts | undefined> {
    return this.#facts.known(imageId) ?? this.#facts.ask(imageId);
  }

  /** The same from the database, which one that is not there is looked for in each time. */
  look(imageId: string): Promise<IiifImageFacts | undefined> {
    return this.#facts.ask(imageId);
  }

  forget(imageId: string): void {
    this.#facts.forget([imageId]);
    this.#facts.forgetAsked((key) => key === imageId);
  }

  /** Forgets every image of a tenant; all when none is named. */
  forgetAll(tenantId?: string): void {
    this.#facts.forgetWhere((facts) => tenantId === undefined || facts.tenantId === tenantId);
    this.#facts.forgetAsked(() => true);
  }
}

async function findFacts(database: Database, imageId: string): Promise<IiifImageFacts | undefined> {
  const tenantId = await findTenantOfImage(database, imageId);
  if (tenantId === undefined) return undefined;
  // Which rendition is looked for beside the original is all the same.
  const lookup = await findDelivery(database, tenantId, imageId, PRESETS.small);
  if (lookup.state !== 'found') return { tenantId, source: undefined, isPrivate: lookup.isPrivate ?? false };
  const { width, height, frames } = lookup.value.source;
  return { tenantId, source: { width, height, frames }, isPrivate: lookup.value.isPrivate };
}
