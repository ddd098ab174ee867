import { createHmac } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

/** A secret as the receiver's library takes it (Standard Webhooks, "Symmetric"). */
export function secretText(secret: Uint8Array): string {
  return SECRET_PREFIX + Buffer.from(secret).toString('base64');
}

/**
 * The headers of one attempt by the Standard Webhooks specification 1.0: an id by which the receiver knows a repetition,
 * the time of this attempt, and a signature by each secret over id, time and body. While a secret is being replaced
 * there are two.
 */
export function signedHeaders(
  message: { readonly id: string; readonly body: string },
  secrets: readonly Uint8Array[],
  nowMs: number,
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signatures = secrets.map((secret) => {
    const signature = createHmac('sha256', secret)
      .update(`${message.id}.${timestamp}.${message.body}`)
      .digest('base64');
    return `v1,${signature}`;
  });
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
