import { systemClock } from '../../core/clock.ts';
import { openProcessPool } from './index.ts';

// Opens a pool with two machines, and stays until it is killed.
const [directory = '', machine = ''] = process.argv.slice(2);
const pool = openProcessPool({
  directory,
  command: [process.execPath, machine],
  environment: (folder) => ({ MACHINE_FOLDER: folder }),
  clock: systemClock,
  onError: (error) => console.error(error),
});
await pool.resize(2, (await pool.look()).version);
setInterval(() => undefined, 60_000);
