import type { Image } from '@safelight/contract';
import type { FastifyReply } from 'fastify';

/** 201 when there is nothing left to wait for. */
export function answerImage(reply: FastifyReply, image: Image, base: string): FastifyReply {
  return reply
    .code(image.state === 'pending' ? 202 : 201)
    .headers({ location: `${base}/v1/images/${image.id}`, 'cache-control': 'no-store' })
    .send(image);
}
