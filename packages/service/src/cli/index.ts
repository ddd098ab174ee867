import { Command, CommanderError } from 'commander';
import { readVersion } from '../version.ts';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { addConfig } from './config.ts';
import { addDemo } from './demo.ts';
import { addDomain } from './domain.ts';
import { addErasure } from './erasure.ts';
import { ExitError } from './exit.ts';
import { addExplain } from './explain.ts';
import { addKey } from './key.ts';
import { addMigrate } from './migrate.ts';
import { addNodes } from './nodes.ts';
import { addOperatorKey } from './operator-key.ts';
import { addPerson } from './person.ts';
import { addPlan } from './plan.ts';
import { addPreset } from './preset.ts';
import { addRestore } from './restore.ts';
import { addRetry } from './retry.ts';
import { addScaling } from './scaling.ts';
import { addScrub } from './scrub.ts';
import { addServe } from './serve.ts';
import { addTenant } from './tenant.ts';
import { addUrl } from './url.ts';
import { addUrlKey } from './url-key.ts';
import { addUsage } from './usage.ts';

/** Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong, 3 another Safelight has the folder. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync([...argv]);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof ExitError) {
      console.error(`safelight: ${error.message}`);
      return error.exitCode;
    }
    throw error;
  }
}

/** The command line, not yet run: the reference is made of it. */
export function createProgram(): Command {
  const program = new Command('safelight')
    .description('An image service that you run yourself: send a picture once, get every size and format of it.')
    .version(readVersion(), '-v, --version')
    .showHelpAfterError('(safelight --help tells the commands)')
    .exitOverride();
  addServe(program);
  addDemo(program);
  addRetry(program);
  addTenant(program);
  addKey(program);
  addPerson(program);
  addUrl(program);
  addUrlKey(program);
  addDomain(program);
  addUsage(program);
  addExplain(program);
  addNodes(program);
  addScaling(program);
  addOperatorKey(program);
  addPlan(program);
  addPreset(program);
  addAudit(program);
  addErasure(program);
  addBackup(program);
  addRestore(program);
  addScrub(program);
  addMigrate(program);
  addConfig(program);
  return program;
}
