/** Presets of a tenant's own: changing them, making pictures anew after a change, and dropping what is past. */
export { type PresetAct, putPreset, removePreset } from './change.ts';
export { sweepFormerPresets } from './former.ts';
export { type Preset, TooManyPresetsError } from './model.ts';
export { advancePasses } from './pass.ts';
export { getPreset, listPresets } from './read.ts';
