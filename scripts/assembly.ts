import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { main as compile } from 'assemblyscript/asc';

/**
 * Compiles packages/service/assembly, which is AssemblyScript, to the WebAssembly that render workers load. The binary
 * is kept in the repository, so that a service needs no compiler; `--check` tells whether it is what the sources say.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'packages/service/assembly/index.ts';
const BINARY = `${ROOT}packages/service/src/renditions/worker/jpeg-reducer.wasm`;
/** No allocator and no exceptions: memory is laid out by hand, and begins anew with each picture. */
const OPTIONS = ['-O3', '--runtime', 'stub', '--enable', 'simd', '--use', 'abort=', '--noAssert', '--pedantic'];

const compiled = await compileToBytes();
if (process.argv.includes('--check')) {
  const kept = await readFile(BINARY);
  if (!kept.equals(compiled)) {
    console.error(`${BINARY.slice(ROOT.length)} is not what ${SOURCE} compiles to; run \`npm run assembly\``);
    process.exitCode = 1;
  }
} else {
  await writeFile(BINARY, compiled);
  console.log(`${BINARY.slice(ROOT.length)}: ${compiled.length} bytes`);
}

async function compileToBytes(): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await compile([SOURCE, ...OPTIONS, '--baseDir', ROOT, '--outFile', 'jpeg-reducer.wasm'], {
    writeFile: (_name, contents) => {
      if (typeof contents !== 'string') bytes = contents;
    },
  });
  const told = stderr.toString();
  if (told) console.error(told);
  if (error || !bytes) throw error ?? new Error('the compiler wrote nothing');
  return bytes;
}
