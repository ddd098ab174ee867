import type { Command } from 'commander';
import { retryDeadJob } from '../compose.ts';
import { DEMO_TENANT } from '../tenants/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';

export function addRetry(program: Command): void {
  program
    .command('retry')
    .description('Give a dead job another chance, with every rendition that it owed.')
    .argument('<job>', 'its id, as the event job.dead tells it')
    .option('--tenant <name>', 'the tenant that it belongs to', DEMO_TENANT)
    .action(async (jobId: string, { tenant }: { tenant: string }) => {
      const retried = await retryDeadJob(readSettings({}), tenant, jobId).catch((error: Error) => {
        throw new ExitError(1, error.message, { cause: error });
      });
      if (!retried) throw new ExitError(1, `the tenant ${tenant} has no dead job ${jobId}`);
      console.log(`${jobId} is queued again.`);
    });
}
