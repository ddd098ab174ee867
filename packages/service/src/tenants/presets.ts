import { PRESETS } from '@safelight/contract';

/** What a name in a URL stands for. */
export interface TenantPreset {
  readonly name: string;
  readonly version: number;
  /** In canonical form. */
  readonly transformation: string;
  /** Whether it is made of each upload; else when somebody asks for it. */
  readonly onUpload: boolean;
}

export interface TenantPresets {
  /** By name: the built-in ones, unless the tenant has its own of that name, and those that are its own. */
  readonly current: ReadonlyMap<string, TenantPreset>;
  /** By name, the newest first: the transformations that it stood for before. */
  readonly former: ReadonlyMap<string, readonly string[]>;
}

/** As the rows of a tenant are read with it; null where it has none. */
export interface PresetRows {
  readonly presets: readonly TenantPreset[] | null;
  readonly former_presets?: readonly { readonly name: string; readonly transformation: string }[] | null;
}

/** `presets` of {@link PresetRows}, of the tenant that `tenantId` stands for: a few rows by primary key. */
export const presetsColumn = (tenantId: string) => `(
    SELECT jsonb_agg(jsonb_build_object('name', s.name, 'version', s.version, 'transformation', s.transformation,
      'onUpload', s.on_upload) ORDER BY s.name)
    FROM presets s WHERE s.tenant_id = ${tenantId}
  ) AS presets`;

/** Of a tenant `t`. */
export const PRESET_COLUMNS = `${presetsColumn('t.tenant_id')}, (
    SELECT jsonb_agg(jsonb_build_object('name', f.name, 'transformation', f.transformation) ORDER BY f.version DESC)
    FROM former_presets f WHERE f.tenant_id = t.tenant_id
  ) AS former_presets`;

/** A built-in preset has stood for the same since the first release. */
const BUILT_IN_VERSION = 1;

/** What every tenant has that defines none of its own. */
export const BUILT_IN_PRESETS: TenantPresets = {
  current: new Map(
    Object.entries(PRESETS).map(([name, transformation]) => [
      name,
      { name, version: BUILT_IN_VERSION, transformation, onUpload: true },
    ]),
  ),
  former: new Map(),
};

export function toPresets({ presets, former_presets: former }: PresetRows): TenantPresets {
  if (!presets && !former) return BUILT_IN_PRESETS;
  const current = new Map(BUILT_IN_PRESETS.current);
  for (const preset of presets ?? []) current.set(preset.name, preset);
  const before = new Map<string, string[]>();
  for (const { name, transformation } of former ?? []) {
    const known = before.get(name) ?? [];
    // A name may have come back to what it was.
    if (!known.includes(transformation)) before.set(name, [...known, transformation]);
  }
  return { current, former: before };
}

/** What is made of each upload. */
export function onUpload({ current }: TenantPresets): string[] {
  const made = [...current.values()].filter((preset) => preset.onUpload);
  return [...new Set(made.map(({ transformation }) => transformation))];
}

/** The preset that stands for a transformation now, if any. */
export function presetOf({ current }: TenantPresets, transformation: string): TenantPreset | undefined {
  for (const preset of current.values()) if (preset.transformation === transformation) return preset;
  return undefined;
}
