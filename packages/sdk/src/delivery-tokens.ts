import { DELIVERY_TOKEN_PREFIX, type DeliveryToken, type DeliveryTokenWish } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';
import { secondsOf, signText } from './urls.ts';

/** What stands in for the signatures of delivery URLs; for keys with the scope `deliver:sign`. */
export interface DeliveryTokens {
  /** One for some images or for all. Whoever has a URL key needs no request: {@link signDeliveryToken}. */
  create(wish?: DeliveryTokenWish, options?: CallOptions): Promise<DeliveryToken>;
}

export function createDeliveryTokens(transport: Transport): DeliveryTokens {
  return {
    create: (wish = {}, call) =>
      json<DeliveryToken>(transport, {
        method: 'POST',
        path: '/v1/delivery-tokens',
        body: wish,
        // Nothing is kept of it.
        repeatable: true,
        ...call,
      }),
  };
}

/**
 * A delivery token, made without a request: claims as JSON in base64url, a dot, and their HMAC-SHA-256.
 * @param key a URL key of the tenant: 32 bytes, or these in base64url
 * @throws TypeError when the key has not 32 bytes.
 */
export async function signDeliveryToken(
  key: string | Uint8Array,
  claims: {
    /** At most a week from now; a number is in seconds since 1970. */
    readonly expires: Date | number;
    /** Ids of at most 50 images; absent: all of the tenant. */
    readonly images?: readonly string[] | undefined;
  },
): Promise<string> {
  const { expires, images } = claims;
  const json = JSON.stringify({ expires: secondsOf(expires), ...(images && { images }) });
  const payload = btoa(json).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  const [signature] = await signText(key, [`${DELIVERY_TOKEN_PREFIX}${payload}`]);
  return `${payload}.${signature}`;
}
