import type { Explanation, Transformation } from '@safelight/contract';
import { planRender } from './plan.ts';
import { predictJob } from './predict.ts';
import type { SourceFacts } from './protocol.ts';
import type { PyramidUse } from './pyramid.ts';

/** How a rendition would be made by itself, and what that is predicted to cost; or why it cannot be made. Pure. */
export function explainRendition(
  source: SourceFacts,
  transformation: Transformation,
  pyramid: PyramidUse,
): Pick<Explanation, 'plan' | 'predicted' | 'cause'> {
  const { bases, failures } = planRender(source, [transformation], pyramid !== 'none');
  const [planned] = bases;
  const cause = failures[0]?.cause ?? planned?.arrangement.failures[0]?.cause;
  const picture = planned?.arrangement.pictures[0];
  const output = picture?.outputs[0];
  if (cause || !planned || !picture || !output) return cause ? { cause } : {};
  const { costMicros, decodeMicros, bytes, deadlineMs } = predictJob(source, [transformation], { pyramid });
  const { decoded } = planned.arrangement;
  const quality = output.searched ? 'auto' : output.quality;
  return {
    plan: {
      from: planned.base.fromPyramid ? 'pyramid' : 'original',
      decoded,
      format: output.format,
      width: picture.layout.size.width,
      height: picture.layout.size.height,
      ...(quality !== undefined && { quality }),
      frames: output.animated ? source.frames : 1,
      sizeIsKnown: planned.later === undefined,
    },
    predicted: {
      cpuMs: costMicros / 1_000,
      decodeCpuMs: decodeMicros / 1_000,
      memoryBytes: bytes,
      deadlineMs,
    },
  };
}
