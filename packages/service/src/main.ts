import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

// V8 counts the bytes of uploads on their way as growth of a small heap and marks all of it again: 26 times per hundred
// uploads of 2.5 MB, a third of this process's CPU. With five times the live heap as the limit 3 times, for 75 MB more.
setFlagsFromString('--heap-growing-percent=400');
// The young generation takes its last size at once: by doubling it gets there after an hour of quiet load, 100 MB later.
setFlagsFromString('--semi-space-growth-factor=64');
// Stripping types and compiling takes 0.9 of the 1.3 CPU seconds that a command needs to start. In the home folder, for
// what lies here is run: the default, a folder of everybody's, would be a way in. Where there is none, nothing is kept.
enableCompileCache(join(homedir(), '.cache', 'safelight', 'compiled'));
const { runCli } = await import('./cli/index.ts');
process.exitCode = await runCli(process.argv);
