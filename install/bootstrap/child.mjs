/**
 * Child processes of the set-up. `runQuiet` keeps a tool's output to itself unless the tool fails; `handOver` gives the
 * terminal to the real program. Both pass signals on, so that nothing outlives this process.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { StepFailed } from './step.mjs';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const outputLinesMax = 400;
const parentCheckMs = 1000;

/** Passes signals to the child until it is gone; returns a function that ends this. */
function passSignals(child) {
  const pass = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, pass);
  return () => {
    for (const signal of signals) process.off(signal, pass);
  };
}

/** An exit code for a child's end, as a shell gives it: 128 + the number of the signal that ended it. */
export function exitCodeOf(code, signal) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

/**
 * Runs a tool without showing its output; resolves with its stdout. `onLine` gets each line as it comes. Rejects with
 * StepFailed, holding the end of what the tool said, when it cannot be started or fails.
 */
export function runQuiet(command, args, { onLine, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const release = passSignals(child);
    const said = [];
    let stdout = '';
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        if (said.length > outputLinesMax) said.shift();
        if (stream === child.stdout && stdout.length < 65_536) stdout += `${line}\n`;
        onLine?.(line);
      });
    }
    child.on('error', (error) => {
      release();
      reject(new StepFailed(`cannot run ${command}: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      release();
      if (code === 0) return resolve(stdout.trim());
      const end = signal ? `was ended by ${signal}` : `failed with exit code ${code}`;
      reject(new StepFailed(`${said.join('\n')}\n\n\`${[command, ...args].join(' ')}\` ${end}`));
    });
  });
}

/**
 * Runs the real program on this terminal and resolves with its exit code. The program also learns of this process's
 * death, by its IPC channel closing; npm's death, which takes no signal along, is seen by a new parent.
 */
export function handOver(node, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, { cwd, env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
    const release = passSignals(child);
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (env.npm_lifecycle_event === undefined || process.ppid === parent) return;
      clearInterval(watch);
      child.kill('SIGTERM');
    }, parentCheckMs);
    child.on('error', (error) => {
      release();
      clearInterval(watch);
      reject(new StepFailed(`cannot run ${node}: ${error.message}`));
    });
    child.on('exit', (code, signal) => {
      release();
      clearInterval(watch);
      resolve(exitCodeOf(code, signal));
    });
  });
}
