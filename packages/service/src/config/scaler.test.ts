import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ConfigError, environmentWith, loadConfig } from '../config.ts';

const load = (env: Record<string, string>) => loadConfig({}, env).config;
const complaint = (env: Record<string, string>): string => {
  try {
    load(env);
    return 'none';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message;
  }
};

describe('the settings of the scaler', () => {
  it('order nobody’s machines by themselves, and no more than cores', () => {
    expect(load({})).toMatchObject({
      SAFELIGHT_SCALER_POOL: { kind: 'none' },
      SAFELIGHT_SCALER_MIN: 1,
      SAFELIGHT_SCALER_MAX: availableParallelism(),
      SAFELIGHT_SCALER_COST_MAX: undefined,
      SAFELIGHT_SCALER_BATCH_SECONDS: 3_600,
      SAFELIGHT_SCALER_CLAIMS_MAX: 760,
    });
  });

  it('let the database hand out as many jobs as it can where no bound is wished for', () => {
    expect(load({ SAFELIGHT_SCALER_CLAIMS_MAX: 'none' }).SAFELIGHT_SCALER_CLAIMS_MAX).toBeUndefined();
  });

  it('name a workload of Kubernetes, with what its pods are', () => {
    expect(load({ SAFELIGHT_SCALER_POOL: 'kubernetes:pictures/deployments/worker' }).SAFELIGHT_SCALER_POOL).toEqual({
      kind: 'kubernetes',
      namespace: 'pictures',
      resource: 'deployments',
      name: 'worker',
      url: 'https://kubernetes.default.svc',
      accountDirectory: '/var/run/secrets/kubernetes.io/serviceaccount',
      workers: 1,
      connections: 17,
      startSeconds: 30,
    });
    const place =
      'kubernetes:a/statefulsets/b?workers=4&connections=9&start=60&url=http://127.0.0.1:8001&account=/etc/me';
    expect(load({ SAFELIGHT_SCALER_POOL: place }).SAFELIGHT_SCALER_POOL).toMatchObject({
      resource: 'statefulsets',
      url: 'http://127.0.0.1:8001',
      accountDirectory: '/etc/me',
      workers: 4,
      connections: 9,
      startSeconds: 60,
    });
  });

  it.each([
    ['SAFELIGHT_SCALER_POOL', 'docker', /^SAFELIGHT_SCALER_POOL must be none, processes or kubernetes:/],
    ['SAFELIGHT_SCALER_POOL', 'kubernetes:a/pods/b', /^SAFELIGHT_SCALER_POOL must be/],
    ['SAFELIGHT_SCALER_POOL', 'kubernetes:A/deployments/../b', /^SAFELIGHT_SCALER_POOL must be/],
    ['SAFELIGHT_SCALER_POOL', 'kubernetes:a/deployments/b?pods=1', /`pods` is nothing/],
    ['SAFELIGHT_SCALER_POOL', 'kubernetes:a/deployments/b?workers=0', /wrong `workers`: it must be a whole number/],
    ['SAFELIGHT_SCALER_POOL', 'kubernetes:a/deployments/b?url=ftp://x', /wrong `url`/],
    ['SAFELIGHT_SCALER_MIN', '-1', /^SAFELIGHT_SCALER_MIN must be a whole number/],
    ['SAFELIGHT_SCALER_WORKER_COST', 'a lot', /^SAFELIGHT_SCALER_WORKER_COST must be an amount/],
    ['SAFELIGHT_SCALER_BATCH_SECONDS', '0', /^SAFELIGHT_SCALER_BATCH_SECONDS must be a whole number/],
    ['SAFELIGHT_SCALER_CLAIMS_MAX', '0', /^SAFELIGHT_SCALER_CLAIMS_MAX must be a whole number/],
    ['SAFELIGHT_SCALER_COST_MAX', '1e9', /^SAFELIGHT_SCALER_COST_MAX must be an amount/],
  ])('refuse %s=%s in one line', (name, value, message) => {
    expect(complaint({ [name]: value })).toMatch(message);
  });

  it('refuse a least number above the greatest', () => {
    expect(complaint({ SAFELIGHT_SCALER_MIN: '5', SAFELIGHT_SCALER_MAX: '4' })).toBe(
      'SAFELIGHT_SCALER_MIN (5) must not be above SAFELIGHT_SCALER_MAX (4)',
    );
  });
});

describe('the environment of a machine', () => {
  it('is the node’s own, but for what is told, by value or by file', () => {
    const environment = { PATH: '/bin', SAFELIGHT_DATA: '/a', SAFELIGHT_DATA_FILE: '/f', SAFELIGHT_LOG_LEVEL: 'warn' };
    const made = environmentWith({ SAFELIGHT_DATA: '/b' }, environment);
    expect(made).toEqual({
      PATH: '/bin',
      SAFELIGHT_DATA: '/b',
      SAFELIGHT_DATA_FILE: undefined,
      SAFELIGHT_LOG_LEVEL: 'warn',
    });
    expect(loadConfig({}, made).config).toMatchObject({ SAFELIGHT_DATA: '/b', SAFELIGHT_LOG_LEVEL: 'warn' });
  });
});
