import { type Config, ConfigError, loadConfig } from '../config.ts';
import { ExitError } from './exit.ts';

/** The configuration, with command-line options in the place of the environment's. Unknown names warn, or stop. */
export function readSettings(overrides: Readonly<Record<string, string | undefined>>, strict = false): Config {
  try {
    const { config, unknown } = loadConfig(overrides);
    for (const name of unknown) {
      if (strict) throw new ExitError(2, `${name} is no setting of Safelight`);
      console.error(`safelight: warning: ${name} is no setting of Safelight (safelight config lists them)`);
    }
    return config;
  } catch (error) {
    if (error instanceof ConfigError) throw new ExitError(2, error.message);
    throw error;
  }
}
