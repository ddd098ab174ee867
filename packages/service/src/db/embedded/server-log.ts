import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const LINES_KEPT = 20;
const SECRETS = [/\b(password\s+)(?:e|u&)?'[^']*'?/gi, /\b(SCRAM-SHA-256\$)\S+/g];

/** Forwards a server's lines without passwords and keeps the last twenty, to be quoted in errors. */
export class ServerLog {
  readonly #write: (line: string) => void;
  readonly #last: string[] = [];

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  read(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => this.add(line));
  }

  add(line: string): void {
    const clean = SECRETS.reduce((text, secret) => text.replaceAll(secret, '$1***'), line);
    this.#last.push(clean);
    if (this.#last.length > LINES_KEPT) this.#last.shift();
    this.#write(clean);
  }

  /** The last lines, oldest first. */
  tail(): string {
    return this.#last.length === 0 ? '(it wrote nothing)' : this.#last.join('\n');
  }
}
