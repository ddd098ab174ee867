import type { Command } from 'commander';
import { verifyLog } from '../compose.ts';
import type { Finding } from '../events/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';

export function addAudit(program: Command): void {
  const audit = program.command('audit').description('Look after the event log.');
  audit
    .command('verify')
    .description('Walk the event log and name every row that was changed, removed, reordered or cut off.')
    .option('--tenant <name>', "one tenant's chain; absent: every chain, and the one over all")
    .option('--json', 'as JSON')
    .action(verify);
}

async function verify(options: { readonly tenant?: string; readonly json?: true }): Promise<void> {
  const report = await verifyLog(readSettings({}), options.tenant).catch((error: Error) => {
    throw new ExitError(1, `the log cannot be verified: ${error.message}`, { cause: error });
  });
  if (options.json) console.log(JSON.stringify(report, undefined, 2));
  else {
    for (const finding of report.findings) console.log(describe(finding));
    const { events, tenants, checkpoints, anchors, erased, unsigned } = report;
    console.log(
      `${events} events of ${tenants} tenants, ${checkpoints} checkpoints and ${anchors} anchors; ` +
        `${erased} erased, ${unsigned} not yet under a checkpoint.`,
    );
  }
  if (report.findingsTotal > 0) throw new ExitError(1, `${report.findingsTotal} places of the log do not hold`);
  if (!options.json) console.log('The log holds.');
}

function describe({ kind, tenantId, position, logPosition, detail }: Finding): string {
  const place = position === null ? `log position ${logPosition ?? '?'}` : `position ${position}`;
  return `${kind}: ${tenantId ?? 'all tenants'}, ${place}: ${detail}`;
}
