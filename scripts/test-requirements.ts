import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findCeph, unpackCeph } from '../test/support/ceph-packages.ts';

/**
 * What the tests need besides npm's packages. On Debian and its kin as root the missing packages are installed, and
 * said; elsewhere this says what to run. Quick when all is there. Node's own modules alone, since it runs first.
 */
interface Requirement {
  readonly name: string;
  readonly why: string;
  /** Where it is, or undefined when it is missing. */
  readonly find: () => string | undefined;
  readonly debianPackage: string;
  /** Setting this to 1 does without: the tests that need it are skipped and say so. */
  readonly waiver?: string;
}

const onPath = (...names: readonly string[]): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));

const REQUIREMENTS: readonly Requirement[] = [
  {
    name: 'Chromium',
    why: 'the tests of the page drive a real browser',
    find: () => onPath('chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'),
    debianPackage: 'chromium',
    waiver: 'SAFELIGHT_TEST_WITHOUT_BROWSER',
  },
  {
    name: 'libfaketime',
    why: 'a process under test gets a clock that jumps',
    find: findFaketime,
    debianPackage: 'faketime',
    waiver: 'SAFELIGHT_TEST_WITHOUT_FAKETIME',
  },
  {
    name: 'PgBouncer',
    why: 'a node is tried behind a proxy that pools transactions',
    find: () => onPath('pgbouncer') ?? ['/usr/sbin/pgbouncer'].find((path) => existsSync(path)),
    debianPackage: 'pgbouncer',
    waiver: 'SAFELIGHT_TEST_WITHOUT_PGBOUNCER',
  },
  {
    name: 'setpriv and unshare',
    why: 'servers and workers run as other users, with no network',
    find: () => onPath('setpriv') && onPath('unshare'),
    debianPackage: 'util-linux',
  },
];

function findFaketime(): string | undefined {
  const folders = existsSync('/usr/lib')
    ? readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'faketime'))
    : [];
  return [...folders, '/usr/lib/faketime']
    .map((folder) => join(folder, 'libfaketime.so.1'))
    .find((path) => existsSync(path));
}

const WITHOUT_CEPH = 'SAFELIGHT_TEST_WITHOUT_CEPH';

/** An S3 server for the tests of the object store, which are skipped and say so where it cannot be had. */
function provideCeph(): void {
  const isWaived = process.env[WITHOUT_CEPH] === '1';
  if (!findCeph() && !isWaived && onPath('apt-get')) {
    if (process.getuid?.() === 0) apt('update', '-q');
    console.log('+ downloading and unpacking Ceph (60 MB) into the cache folder; nothing is installed');
    unpackCeph();
  }
  const place = findCeph()?.program('radosgw');
  const without = isWaived ? `done without (${WITHOUT_CEPH}=1)` : 'the tests against an S3 server are skipped';
  console.log(`Ceph: ${place ?? `missing; ${without}`}`);
}

function isWaived({ waiver }: Requirement): boolean {
  return waiver !== undefined && process.env[waiver] === '1';
}

/** Prints where each stands; answers those that are missing and not waived. */
function report(requirements: readonly Requirement[]): Requirement[] {
  return requirements.filter((requirement) => {
    const place = requirement.find();
    if (place) console.log(`${requirement.name}: ${place}`);
    else if (isWaived(requirement)) console.log(`${requirement.name}: missing, done without (${requirement.waiver}=1)`);
    return !place && !isWaived(requirement);
  });
}

function apt(...args: readonly string[]): boolean {
  console.log(`+ apt-get ${args.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/** Debian starts what it installs, now and at each boot; the tests start their own and end them. */
function installWithoutServices(packages: readonly string[]): void {
  const isOpen = !existsSync(SERVICE_POLICY);
  if (isOpen) writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    apt('install', '-q', '-y', '--no-install-recommends', ...packages);
    if (packages.includes('pgbouncer')) spawnSync('systemctl', ['disable', '--quiet', 'pgbouncer']);
  } finally {
    if (isOpen) rmSync(SERVICE_POLICY, { force: true });
  }
}

function explain({ name, why, debianPackage, waiver }: Requirement): void {
  const without = waiver ? `, or do without: ${waiver}=1 npm test` : '';
  console.error(
    `${name}: missing; ${why}. Install it (Debian, Ubuntu: sudo apt-get install ${debianPackage})${without}`,
  );
}

function main(): void {
  if (process.platform !== 'linux') {
    console.log(`${process.platform}: the tests that need Linux are skipped and say so`);
    return;
  }
  provideCeph();
  let missing = report(REQUIREMENTS);
  if (missing.length > 0 && process.getuid?.() === 0 && onPath('apt-get')) {
    const packages = missing.map(({ debianPackage }) => debianPackage);
    // An installation that fails is told by what is still missing afterwards.
    if (apt('update', '-q')) installWithoutServices(packages);
    missing = report(missing);
  }
  for (const requirement of missing) explain(requirement);
  if (missing.length > 0) process.exitCode = 1;
}

main();
