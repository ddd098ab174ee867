import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { readErasures, readReceipt, verifyErasure } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { drawTable } from './table.ts';

export function addErasure(program: Command): void {
  const erasure = program.command('erasure').description('Look after what was erased, and its receipts.');
  erasure
    .command('verify')
    .description('Check the signature of a receipt, and that nothing is left of what it says is gone.')
    .argument('<file>', 'the receipt, as GET /v1/erasures/{id} answers it')
    .option(
      '--trust <keys>',
      'ids of the sealing keys that may have signed, separated by commas (SAFELIGHT_SEALING_KEYS_TRUSTED)',
    )
    .option('--json', 'as JSON')
    .action(verify);
  erasure
    .command('list')
    .description('Show what was erased of a tenant, deleted ones included, the newest first.')
    .argument('<tenant>', 'its short name')
    .option('--json', 'as JSON')
    .action(list);
  erasure
    .command('show')
    .description('Show the receipt of an erasure, as JSON.')
    .argument('<tenant>', 'its short name')
    .argument('<id>', 'of the erasure')
    .option('--json', 'as JSON; there is no other form')
    .action(show);
}

interface VerifyOptions {
  readonly trust?: string;
  readonly json?: true;
}

async function verify(file: string, { trust, json }: VerifyOptions): Promise<void> {
  const config = readSettings({ ...(trust !== undefined && { SAFELIGHT_SEALING_KEYS_TRUSTED: trust }) });
  const document = await readDocument(file);
  const { receipt, keyId, findings, objectsChecked } = await verifyErasure(config, document).catch((error: Error) => {
    throw new ExitError(1, `the receipt cannot be verified: ${error.message}`, { cause: error });
  });
  if (json) console.log(JSON.stringify({ id: receipt?.id, keyId, findings, objectsChecked }, undefined, 2));
  else for (const finding of findings) console.log(`${finding}.`);
  if (findings.length > 0) throw new ExitError(1, 'the receipt does not hold');
  if (json || !receipt) return;
  const what = receipt.scope === 'image' ? `the image ${receipt.imageId}` : `the tenant ${receipt.tenantId}`;
  const objects = Object.values(receipt.objects).reduce((sum, kind) => sum + kind.objects, 0);
  console.log(`Signed by ${keyId}: ${what} was erased, with ${objects} objects, by ${receipt.removedAt}.`);
  console.log('The receipt holds: nothing of it is left.');
}

async function readDocument(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ExitError(2, `the receipt cannot be read: ${error.message}`, { cause: error });
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ExitError(2, `${file} is not JSON`, { cause: error });
  }
}

async function list(tenant: string, { json }: { readonly json?: true }): Promise<void> {
  const erasures = await readErasures(readSettings({}), tenant).catch(fail);
  if (json) {
    console.log(
      JSON.stringify(
        erasures.map(({ objectKeys: _, removed: __, ...erasure }) => erasure),
        undefined,
        2,
      ),
    );
    return;
  }
  const rows = erasures.map(({ erasureId, requestedAt, state, scope, imageId, actor }) => [
    ...[erasureId, requestedAt.toISOString(), state],
    ...[imageId ?? scope, actor],
  ]);
  console.log(drawTable(['erasure', 'asked for', 'state', 'of', 'by'], rows));
}

async function show(tenant: string, id: string): Promise<void> {
  const receipt = await readReceipt(readSettings({}), tenant, id).catch(fail);
  if (!receipt) throw new ExitError(1, `${tenant} has no receipt ${id}, or it is not signed yet`);
  console.log(JSON.stringify(receipt, undefined, 2));
}

function fail(error: Error): never {
  throw new ExitError(1, error.message, { cause: error });
}
