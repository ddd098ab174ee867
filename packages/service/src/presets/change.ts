import { PRESETS } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { lowestId } from '../core/ids.ts';
import type { Transaction } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import {
  countNames,
  countOriginals,
  deletePreset,
  insertFormer,
  lockPresets,
  selectNewestFormer,
  selectPreset,
  upsertPreset,
} from './change.sql.ts';
import { FORMER_MAX, PRESETS_MAX, type PresetRow, TooManyPresetsError } from './model.ts';

/** Whose preset it is, who changes it, and its name. */
export interface PresetAct {
  readonly tenantId: string;
  readonly actor: string;
  readonly name: string;
}

export interface PresetWish {
  /** In canonical form. */
  readonly transformation: string;
  readonly onUpload: boolean;
}

type Standing = Pick<PresetRow, 'version' | 'transformation' | 'on_upload'>;

/**
 * Gives a name its transformation, from the commit on; where it stood for another, that one stays for what is not made
 * anew yet, and the pass over what is there begins. What it stands for already changes nothing.
 * @throws TooManyPresetsError
 */
export async function putPreset(tx: Transaction, clock: Clock, act: PresetAct, wish: PresetWish): Promise<void> {
  const { tenantId, actor, name } = act;
  const { transformation, onUpload } = wish;
  await tx.query(lockPresets, [tenantId]);
  const [row] = await tx.query<Standing>(selectPreset, [tenantId, name]);
  const standing = row ?? builtIn(name);
  if (standing?.transformation === transformation && standing.on_upload === onUpload) return;
  if (!row) await refuseNames(tx, tenantId);
  const isAnother = standing?.transformation !== transformation;
  const version = standing && !isAnother ? standing.version : await nextVersion(tx, act, standing);
  if (standing && isAnother) {
    await tx.query(insertFormer, [tenantId, name, standing.version, standing.transformation]);
  }
  // Ids carry the time of the node that made them; what is not below this one is looked for a second time.
  const upTo = lowestId('original', clock.now() + 1);
  const [counted] = onUpload ? await tx.query<{ originals: number }>(countOriginals, [tenantId, upTo]) : [];
  await tx.query(upsertPreset, [tenantId, name, version, transformation, onUpload, upTo, counted?.originals ?? 0]);
  const data = { name, version, transformation, onUpload };
  await recordEvent(tx, clock, { tenantId, subject: name, type: 'preset.changed', actor, data });
}

/**
 * Takes a name away; a built-in one becomes what it was built in as, as any change does.
 * @returns false when the tenant has none of its own by that name.
 */
export async function removePreset(tx: Transaction, clock: Clock, act: PresetAct): Promise<boolean> {
  const { tenantId, actor, name } = act;
  await tx.query(lockPresets, [tenantId]);
  const [row] = await tx.query<Standing>(selectPreset, [tenantId, name]);
  if (!row) return false;
  const original = builtIn(name);
  if (original) {
    await putPreset(tx, clock, act, { transformation: original.transformation, onUpload: original.on_upload });
    return true;
  }
  await tx.query(insertFormer, [tenantId, name, row.version, row.transformation]);
  await tx.query(deletePreset, [tenantId, name]);
  const data = { name, version: row.version };
  await recordEvent(tx, clock, { tenantId, subject: name, type: 'preset.removed', actor, data });
  return true;
}

function builtIn(name: string): Standing | undefined {
  if (!Object.hasOwn(PRESETS, name)) return undefined;
  return { version: 1, transformation: PRESETS[name as keyof typeof PRESETS], on_upload: true };
}

async function nextVersion(
  tx: Transaction,
  { tenantId, name }: PresetAct,
  standing: Standing | undefined,
): Promise<number> {
  const [former] = await tx.query<{ newest: number; count: number }>(selectNewestFormer, [tenantId, name]);
  if ((former?.count ?? 0) >= FORMER_MAX) {
    throw new TooManyPresetsError({ name: 'formerPresetsMax', limit: FORMER_MAX });
  }
  return 1 + Math.max(standing?.version ?? 0, former?.newest ?? 0);
}

async function refuseNames(tx: Transaction, tenantId: string): Promise<void> {
  const [count] = await tx.query<{ presets: number }>(countNames, [tenantId]);
  if ((count?.presets ?? 0) >= PRESETS_MAX) throw new TooManyPresetsError({ name: 'presetsMax', limit: PRESETS_MAX });
}
