import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Output, OutputFailure, Report, Task } from '../protocol.ts';
import { ORIGINAL_FILE, PYRAMID_FILE } from '../scratch.ts';
import { becomeUser, dieWithSupervisor, letDeliveryGoFirst, volunteerForOutOfMemory } from './confine.ts';
import { type Decoder, loadDecoder, warmUp } from './decoder.ts';
import { probe } from './probe.ts';
import { render } from './render.ts';

/**
 * The worker process: the only one that loads libvips, and with it strangers' bytes. Its working folder is its world,
 * its argument the user to become (or nothing), its environment empty. An error that is not about a picture ends the
 * process, and the supervisor acts on that.
 */
dieWithSupervisor();
volunteerForOutOfMemory();
letDeliveryGoFirst();
const decoder = loadDecoder();
await warmUp(decoder);
const uid = process.argv[2];
if (uid !== undefined) becomeUser(Number(uid));
process.on('message', (task: Task) => void perform(decoder, task));
say({ kind: 'ready' });

async function perform(decoder: Decoder, task: Task): Promise<void> {
  const total = stopwatch();
  const original = join(task.folder, ORIGINAL_FILE);
  if (task.kind === 'probe') {
    const probed = await probe(decoder, original, task);
    const told = { id: task.id, cpuMs: total() };
    return say('facts' in probed ? { kind: 'facts', ...told, ...probed } : { kind: 'rejected', ...told, ...probed });
  }
  let sinceLast = stopwatch();
  const fileOf = (name: number | string) => join(task.folder, `${name}`);
  for await (const rendered of render(decoder, task, { original, pyramid: fileOf(PYRAMID_FILE), fileOf })) {
    const cpuMs = sinceLast();
    if ('pyramidBytes' in rendered) say({ kind: 'pyramid', id: task.id, bytes: rendered.pyramidBytes, cpuMs });
    else if ('looks' in rendered) say({ kind: 'looks', id: task.id, ...rendered });
    else if ('output' in rendered) sayOutput(task, { ...rendered.output, cpuMs });
    else sayFailure(task, { ...rendered.failure, cpuMs });
    sinceLast = stopwatch();
  }
  say({ kind: 'done', id: task.id, cpuMs: total(), peakRssBytes: peakRssBytes() });
}

function sayOutput({ id }: Task, output: Output): void {
  say({ kind: 'output', id, output });
}

function sayFailure({ id }: Task, failure: OutputFailure): void {
  say({ kind: 'outputFailed', id, failure });
}

function say(report: Report): void {
  process.send?.(report);
}

/** CPU milliseconds of all threads since it was started. */
function stopwatch(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  };
}

/** Not `maxRSS` where it can be helped: a forked process inherits that from its supervisor. */
function peakRssBytes(): number {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
