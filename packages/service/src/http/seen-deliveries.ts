import type { Delivery, Lookup } from '../images/index.ts';
import { type Access, opens } from './access.ts';
import type { HttpContext } from './context.ts';
import type { Deliverable } from './deliverable.ts';
import type { DeliveryFacts } from './deliveries.ts';

/**
 * The same context to which private images that `access` does not open are not there. So whatever way a delivery goes,
 * it ends like one of an image that never was: with the same answer, after the same look at the database.
 */
export function seenBy(context: HttpContext, access: Access): HttpContext {
  return { ...context, deliveries: new SeenDeliveries(context.deliveries, access) };
}

class SeenDeliveries implements DeliveryFacts {
  readonly #all: DeliveryFacts;
  readonly #access: Access;

  constructor(all: DeliveryFacts, access: Access) {
    this.#all = all;
    this.#access = access;
  }

  get(tenantId: string, imageId: string, transformation: string): Deliverable | undefined {
    return this.#shown(this.#all.get(tenantId, imageId, transformation));
  }

  getOriginal(tenantId: string, imageId: string): Deliverable | undefined {
    return this.#shown(this.#all.getOriginal(tenantId, imageId));
  }

  async look(tenantId: string, imageId: string, transformation: string): Promise<Lookup<Delivery>> {
    return this.#found(imageId, await this.#all.look(tenantId, imageId, transformation));
  }

  async lookOriginal(tenantId: string, imageId: string): Promise<Lookup<Delivery>> {
    return this.#found(imageId, await this.#all.lookOriginal(tenantId, imageId));
  }

  async lookAnew(tenantId: string, imageId: string, transformation: string): Promise<Lookup<Delivery>> {
    return this.#found(imageId, await this.#all.lookAnew(tenantId, imageId, transformation));
  }

  forget(tenantId: string, imageId: string): void {
    this.#all.forget(tenantId, imageId);
  }

  forgetAll(tenantId?: string): void {
    this.#all.forgetAll(tenantId);
  }

  #shown(object: Deliverable | undefined): Deliverable | undefined {
    return object?.isPrivate && !opens(this.#access, object.imageId) ? undefined : object;
  }

  #found(imageId: string, lookup: Lookup<Delivery>): Lookup<Delivery> {
    const isPrivate = lookup.state === 'found' ? lookup.value.isPrivate : lookup.isPrivate;
    return isPrivate && !opens(this.#access, imageId) ? { state: 'missing' } : lookup;
  }
}
