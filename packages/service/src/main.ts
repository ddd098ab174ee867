import { setFlagsFromString } from 'node:v8';
import { runCli } from './cli/index.ts';

// V8 counts the bytes of uploads on their way as growth of a small heap and marks all of it again: 26 times per hundred
// uploads of 2.5 MB, a third of this process's CPU. With five times the live heap as the limit 3 times, for 75 MB more.
setFlagsFromString('--heap-growing-percent=400');
// The young generation takes its last size at once: by doubling it gets there after an hour of quiet load, 100 MB later.
setFlagsFromString('--semi-space-growth-factor=64');
process.exitCode = await runCli(process.argv);
