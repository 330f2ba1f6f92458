/**
 * A client that sends a case's bytes exactly as they are and watches. Owns one socket per case; promises to end by
 * itself, at the latest some seconds after the last byte was sent.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { readAnswers } from './answers.ts';
import type { AnswersRead } from './answers.ts';
import type { Case, Part } from './corpus.ts';
import type { Observed } from './verdict.ts';

/** The longest a case is watched after its last byte. */
const WATCH_MS_MAX = 6000;
/** After the answers expected, so much longer for one too many. */
const GRACE_MS = 40;
/** A server that does nothing for so long is taken to wait for more. */
const SILENCE_MS = 500;

/** Runs one case against a server. @param path put in place of `/__P__`. */
export async function runCase(entry: Case, port: number, path: string): Promise<Observed> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  const watch = new Watch(socket, entry);
  await new Promise<void>((resolve) => void socket.once('connect', resolve));
  for (const part of entry.send) await sendPart(socket, watch, part, path);
  const observed = await watch.end();
  socket.destroy();
  return observed;
}

class Watch {
  closed = false;
  private readonly entry: Case;
  private text = '';
  private wake: () => void = () => undefined;

  constructor(socket: Socket, entry: Case) {
    this.entry = entry;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.wake();
    });
    const gone = (): void => {
      this.closed = true;
      this.wake();
    };
    // A reset while we still send is a close like another: what had come before it counts.
    socket.on('error', gone);
    socket.on('end', gone);
    socket.on('close', gone);
  }

  get answers(): AnswersRead {
    return readAnswers(this.text, (index) => this.entry.expect.head?.includes(index) === true);
  }

  /** Waits for `reached`, a close or the time. */
  async until(reached: () => boolean, forMs: number): Promise<void> {
    const deadline = performance.now() + forMs;
    for (;;) {
      const left = deadline - performance.now();
      if (this.closed || left <= 0 || reached()) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Everything was sent: watches until the case is decided. */
  async end(): Promise<Observed> {
    const { expect } = this.entry;
    const mustClose = expect.close === true || expect.v === 'slow' || expect.v === 'hold';
    let silentAtFirst = false;
    if (expect.v === 'hold' || expect.hold_ok === true) {
      await this.until(() => this.text !== '', SILENCE_MS);
      silentAtFirst = this.text === '' && !this.closed;
    }
    if (!(silentAtFirst && expect.v !== 'hold')) {
      const n = expect.v === 'accept' ? (expect.n ?? 1) : expect.v === 'reject' ? (expect.before ?? 0) + 1 : 1;
      await this.until(() => !mustClose && this.answers.final.length >= n, WATCH_MS_MAX);
      if (!this.closed) await this.until(() => false, GRACE_MS);
    }
    return { ...this.answers, closed: this.closed, silentAtFirst };
  }
}

async function sendPart(socket: Socket, watch: Watch, part: Part, path: string): Promise<void> {
  const bytes = Buffer.from(Buffer.from(part.b64, 'base64').toString('latin1').replaceAll('/__P__', path), 'latin1');
  const pauseMs = part.every_ms;
  const repeats = part.repeat ?? 1;
  if (part.split === undefined && pauseMs === undefined) socket.write(Buffer.concat(Array(repeats).fill(bytes)));
  else {
    const step = part.split ?? bytes.length;
    for (let sent = 0; sent < bytes.length * repeats && !watch.closed; sent += step) {
      const from = sent % bytes.length;
      socket.write(bytes.subarray(from, from + step));
      if (pauseMs === undefined) await nextTurn();
      else await sleep(pauseMs);
    }
  }
  if (part.until !== undefined) await watch.until(() => watch.answers.interim.length > 0, 1000);
  if (part.wait_ms !== undefined) await watch.until(() => false, part.wait_ms);
  if (part.then === 'shutdown_wr') socket.end();
}
