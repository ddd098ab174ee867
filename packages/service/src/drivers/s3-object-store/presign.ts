import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { PresignedPut, PresignedPutOptions } from '../../ports/object-store.ts';
import type { Bucket } from './bucket.ts';

const CHECKSUM = 'x-amz-checksum-sha256';

/**
 * A PUT whose length is signed: other bytes than so many are refused by the store, before it reads them. The digest is
 * signed as a header too; not every store looks at it.
 */
export async function presignPut(
  bucket: Bucket,
  key: string,
  { bytes, sha256, secondsMax }: PresignedPutOptions,
): Promise<PresignedPut> {
  const checksum = sha256 && Buffer.from(sha256).toString('base64');
  const command = new PutObjectCommand({
    ...bucket.at(key),
    ContentLength: bytes,
    ...(checksum !== undefined && { ChecksumSHA256: checksum }),
  });
  const url = await getSignedUrl(bucket.client, command, {
    expiresIn: secondsMax,
    unhoistableHeaders: new Set([CHECKSUM]),
  });
  return { url, headers: { ...(checksum !== undefined && { [CHECKSUM]: checksum }) } };
}

export async function presignGet(bucket: Bucket, key: string, secondsMax: number): Promise<string> {
  return getSignedUrl(bucket.client, new GetObjectCommand(bucket.at(key)), { expiresIn: secondsMax });
}
