/** Runs a tool to its end for the services: looks it up, gives its output as bytes, tells of failures with its own words. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const wordsLengthMax = 2000;

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  input?: string | Uint8Array;
  /** The tool is killed and the call rejects after this long. */
  timeoutMs?: number;
}

/** Runs `command` and resolves with its standard output; rejects with what it said when it fails or takes too long. */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<Buffer> {
  const { cwd, env, input, timeoutMs = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe', detached: true });
    // The whole group: what a tool has started would keep its pipes open.
    const timer = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), timeoutMs);
    const [out, said]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`cannot run ${command}: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(Buffer.concat(out));
      const how = signal === null ? `exit code ${code}` : `${signal} within ${timeoutMs} ms`;
      const words = Buffer.concat([...out, ...said])
        .toString('utf8')
        .trim()
        .slice(-wordsLengthMax);
      reject(new Error(`${command} ended with ${how}: ${words}`));
    });
    // A tool that ends before it has read everything is judged by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** The absolute path of a program on PATH, or undefined. */
export function onPath(program: string, path = process.env.PATH ?? ''): string | undefined {
  return path
    .split(delimiter)
    .map((dir) => join(dir, program))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
