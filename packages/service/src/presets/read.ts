import type { Reads, Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { BUILT_IN_PRESETS } from '../tenants/index.ts';
import type { Preset, PresetProgress, PresetRow } from './model.ts';
import { countEnded, readWindow } from './window.ts';

/** A tenant's few rows, or one, by primary key. */
const selectPresets = statement(
  'presets_select',
  'SELECT * FROM presets WHERE tenant_id = $1 AND ($2::text IS NULL OR name = $2) ORDER BY name',
);

/** Every preset of the tenant, the built-in ones first. */
export async function listPresets(database: Pick<Reads, 'asTenant'>, tenantId: string): Promise<Preset[]> {
  return database.asTenant(tenantId, async (tx) => {
    const presets = new Map(builtIn());
    for (const row of await tx.query<PresetRow>(selectPresets, [tenantId, null])) {
      presets.set(row.name, await toPreset(tx, row));
    }
    return [...presets.values()];
  });
}

/** Undefined when there is none of that name. */
export async function getPreset(
  database: Pick<Reads, 'asTenant'>,
  tenantId: string,
  name: string,
): Promise<Preset | undefined> {
  return database.asTenant(tenantId, async (tx) => {
    const [row] = await tx.query<PresetRow>(selectPresets, [tenantId, name]);
    return row ? toPreset(tx, row) : new Map(builtIn()).get(name);
  });
}

function builtIn(): [string, Preset][] {
  return [...BUILT_IN_PRESETS.current.values()].map((preset) => {
    const progress = { version: preset.version, total: 0, done: 0, failed: 0, pending: 0 };
    return [preset.name, { ...preset, changedAt: undefined, progress }];
  });
}

async function toPreset(tx: Transaction, row: PresetRow): Promise<Preset> {
  const { name, version, transformation, on_upload: onUpload, changed_at: changedAt } = row;
  return { name, version, transformation, onUpload, changedAt, progress: await progressOf(tx, row) };
}

/** What is counted, and what has ended since in the window. */
async function progressOf(tx: Transaction, row: PresetRow): Promise<PresetProgress> {
  const { version, total } = row;
  const ended = countEnded(row.finished_at ? [] : await readWindow(tx, row));
  const done = Math.min(total, row.done + ended.done);
  const failed = Math.min(total - done, row.failed + ended.failed);
  return { version, total, done, failed, pending: row.finished_at ? 0 : total - done - failed };
}
