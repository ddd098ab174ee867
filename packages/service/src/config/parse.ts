/** The start stops here: one clear line that names the setting, what it holds and what it may hold. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface Setting<T> {
  readonly about: string;
  /** As the reference shows it. */
  readonly fallback: string;
  readonly secret?: true;
  readonly parse: (text: string) => T;
}

export function text(value: string): string {
  return value;
}

export function optional(value: string): string | undefined {
  return value === '' ? undefined : value;
}

export function integer(min: number, max: number): (value: string) => number {
  return (value) => {
    if (!/^\d{1,16}$/.test(value) || Number(value) < min || Number(value) > max) {
      throw new ConfigError(`must be a whole number from ${min} to ${max}`);
    }
    return Number(value);
  };
}
