import { it } from 'vitest';
import { hostileFiles } from '../support/hostile.ts';
import { hostileCorpus } from '../support/pictures.ts';
import { sendImage } from '../support/answers.ts';
import { Safelight } from '../support/safelight.ts';
it('x', { timeout: 300000 }, async () => {
  const node = await Safelight.start();
  for (const { name, bytes } of [...(await hostileFiles()), ...hostileCorpus()]) {
    const t = performance.now();
    const r = await sendImage(node, bytes, '?wait=30');
    const b = await r.json() as any;
    const ms = Math.round(performance.now() - t);
    console.log(`${name} | ${r.status} ${b.code ?? ''} ${b.bound?.name ?? ''} ${b.cause?.code ?? ''} ${b.state ?? ''} ${(b.renditions ?? []).map((x:any)=>x.cause?.code+': '+x.cause?.message).slice(0,1)} | ${b.detail ?? ''} | ${ms} ms`);
  }
  console.log(node.output);
  await node.close();
});
