import { createHash } from 'node:crypto';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { newId } from '../../packages/service/src/core/ids.ts';
import type { Upload } from '../../packages/service/src/images/index.ts';
import type { SourceFacts } from '../../packages/service/src/renditions/index.ts';

/** What the probe might say of a photograph. */
export function sourceFacts(): SourceFacts {
  return {
    format: 'jpeg',
    bytes: 1_000,
    width: 1200,
    height: 800,
    frames: 1,
    orientation: 1,
    hasAlpha: false,
    space: 'srgb',
    depth: 'uchar',
    hasProfile: false,
    progressive: false,
    palette: false,
  };
}

/** An upload of `bytes` under a fresh key, as it comes from the probe; the object itself is not written. */
export function uploadOf(tenantId: string, bytes: Uint8Array): Upload {
  return {
    tenantId,
    objectKey: `${tenantId}/original/${newId('object', systemClock)}`,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    facts: { ...sourceFacts(), bytes: bytes.length },
    filename: undefined,
    tags: [],
    actor: 'test',
    address: undefined,
  };
}
