import { existsSync, mkdirSync, watch, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

// A machine that is nothing but a process: it keeps an id as a node does, drains at SIGTERM while the file `at-work`
// lies beside its folder, leaves at once at a second one, and ends when whoever started it does.
const folder = process.env.MACHINE_FOLDER ?? '';
const pool = dirname(folder);
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'node-id'), `node_at_${basename(folder)}\n`);
let isDraining = false;
const isAtWork = () => existsSync(join(pool, 'at-work'));
process.on('disconnect', () => process.exit(1));
process.on('SIGTERM', () => {
  if (isDraining || !isAtWork()) process.exit(isDraining ? 1 : 0);
  isDraining = true;
});
watch(pool, () => {
  if (isDraining && !isAtWork()) process.exit(0);
});
writeFileSync(join(folder, 'pid'), String(process.pid));
