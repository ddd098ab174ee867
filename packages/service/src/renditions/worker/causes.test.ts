import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { causeOf } from './causes.ts';

const picture = () => sharp({ create: { width: 64, height: 64, channels: 3, background: '#808080' } });
const failing = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('the cause of an output that was not made', () => {
  it.runIf(process.platform === 'linux').each(['jpeg', 'png', 'webp', 'avif', 'gif'] as const)(
    'is the disk, not the picture, where a %s finds no room',
    async (format) => {
      const error = await failing(picture().toFormat(format).toFile('/dev/full'));
      expect(causeOf(error, 'encode_failed').code).toBe('out_of_space');
    },
  );

  it('is what was being done, in the library’s first words, where they are not known', async () => {
    const error = await failing(sharp(Buffer.from('no picture')).toBuffer());
    expect(causeOf(error, 'decode_failed')).toEqual({
      code: 'decode_failed',
      message: 'Input buffer contains unsupported image format',
    });
  });
});
