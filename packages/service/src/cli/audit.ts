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
    .option(
      '--trust <keys>',
      'ids of the sealing keys that may have signed, separated by commas (SAFELIGHT_SEALING_KEYS_TRUSTED)',
    )
    .option('--json', 'as JSON')
    .action(verify);
}

interface VerifyOptions {
  readonly tenant?: string;
  readonly trust?: string;
  readonly json?: true;
}

async function verify(options: VerifyOptions): Promise<void> {
  const overrides = { ...(options.trust !== undefined && { SAFELIGHT_SEALING_KEYS_TRUSTED: options.trust }) };
  const report = await verifyLog(readSettings(overrides), options.tenant).catch((error: Error) => {
    throw new ExitError(1, `the log cannot be verified: ${error.message}`, { cause: error });
  });
  if (options.json) console.log(JSON.stringify(report, undefined, 2));
  else {
    for (const finding of report.findings) console.log(describe(finding));
    const { events, tenants, checkpoints, anchors, erased, unsigned, keyIds } = report;
    console.log(
      `${events} events of ${tenants} tenants, ${checkpoints} checkpoints and ${anchors} anchors; ` +
        `${erased} erased, ${unsigned} not yet under a checkpoint.`,
    );
    if (keyIds.length > 0) console.log(`Signed by ${keyIds.join(', ')}.`);
  }
  if (report.findingsTotal > 0) throw new ExitError(1, `${report.findingsTotal} places of the log do not hold`);
  if (!options.json) console.log('The log holds.');
}

function describe({ kind, tenantId, position, logPosition, detail }: Finding): string {
  const place = position === null ? `log position ${logPosition ?? '?'}` : `position ${position}`;
  return `${kind}: ${tenantId ?? 'all tenants'}, ${place}: ${detail}`;
}
