/** What the answer with a picture says about itself, besides what HTTP knows. */
export const DELIVERY_HEADERS = {
  'server-timing':
    'Where the answer was found, `cache;desc=memory`, `facts` (where it lies was known, its bytes, if any were sent, came from the object store) or `database`; `wait;dur=` milliseconds that the request waited for the rendition; `total;dur=` milliseconds up to the answer.',
  'x-safelight-cost-ms':
    'CPU milliseconds for which the request waited: what making the rendition took, 0 when it was there. A cache in front repeats what it was once told.',
  'x-safelight-degraded':
    '`budget_exhausted`: a preset that exists stands in the place of a rendition that the budget of the tenant does not hold; kept by nobody.',
  'surrogate-key':
    'Ids of the tenant and the image, separated by a space: a cache in front (Fastly, Varnish) drops by them.',
  'cache-tag': 'The same, separated by a comma, for Cloudflare.',
} as const satisfies Record<string, string>;
