import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['*.test.ts', 'packages/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    // Whole systems are started, killed and awaited; a test that hangs still ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A condition that is polled for comes when it comes; a second is not long on a loaded machine.
    expect: { poll: { timeout: 20_000 } },
    // Two cores: more files at once only make every file slower.
    maxWorkers: 2,
    pool: 'forks',
    globalSetup: ['test/support/global-setup.ts'],
  },
});
