/** A command of the collector as a child process, as a person would type it: its two outputs and its exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { productEntries } from '../../install/local/session.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const leash = new URL('../../install/local/leash.ts', import.meta.url).href;

export interface CommandEnd {
  /** null: killed. */
  code: number | null;
  out: string;
  err: string;
}

export interface Command {
  /** Resolves when the process is gone and all it said was read. */
  ended: Promise<CommandEnd>;
  /** Resolves as soon as stderr has this text; rejects when the command ends without. */
  said(text: string): Promise<void>;
  kill9(): void;
}

/** Starts `metricstream-collector ARGS`; it ends with this process at the latest. */
export function startCommand(args: readonly string[]): Command {
  const child = spawn(process.execPath, ['--import', leash, productEntries.collector, ...args], {
    cwd: root,
    env: { ...process.env, METRICSTREAM_LEASH: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const said = { out: '', err: '' };
  child.stdout?.on('data', (text: Buffer) => (said.out += text.toString('utf8')));
  child.stderr?.on('data', (text: Buffer) => (said.err += text.toString('utf8')));
  const ended = endOf(child).then((code) => ({ code, ...said }));
  return {
    ended,
    async said(text) {
      const seen = new Promise<void>((resolve) => {
        const look = (): void => void (said.err.includes(text) && resolve());
        child.stderr?.on('data', look);
        look();
      });
      const over = ended.then(({ err }) => Promise.reject(new Error(`ended without saying "${text}":\n${err}`)));
      await Promise.race([seen, over]);
    },
    kill9: () => void child.kill('SIGKILL'),
  };
}

/** Runs it to its end. */
export function runCommand(...args: string[]): Promise<CommandEnd> {
  return startCommand(args).ended;
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('close', resolve));
}
