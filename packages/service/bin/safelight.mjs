#!/usr/bin/env node
// Re-executes itself under the Node that the workspace pins, so that any installed Node from 20 on can start Safelight.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const MAJOR = 24;
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function pinnedNode() {
  const require = createRequire(import.meta.url);
  for (const name of [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]) {
    try {
      return require.resolve(`${name}/bin/node`);
    } catch {
      // this platform's package is not installed: the next name, else the system's Node
    }
  }
  return undefined;
}

if (Number(process.versions.node.split('.')[0]) >= MAJOR) {
  await import(main);
} else {
  const node = pinnedNode();
  if (!node) {
    console.error(
      `safelight: needs Node ${MAJOR} or newer here (this is ${process.version}, and no pinned build exists for ${process.platform}-${process.arch}).`,
    );
    process.exit(1);
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + (signal === 'SIGKILL' ? 9 : 15) : (code ?? 1)));
}
