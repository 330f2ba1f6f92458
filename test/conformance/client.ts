/**
 * A client that sends a case's bytes exactly as they are and watches. Owns one socket per case; promises to end by
 * itself, at the latest some seconds after the last byte was sent.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, createSecureContext } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { readCertificate } from '../services/certificates.ts';
import { readAnswers } from './answers.ts';
import type { AnswersRead } from './answers.ts';
import type { Case, Part } from './corpus.ts';
import type { Observed } from './verdict.ts';

/** The longest a case is watched after its last byte. */
const WATCH_MS_MAX = 15_000;
/** The longest that a 100 is waited for. */
const INTERIM_MS_MAX = 10_000;
/** After the answers expected, so much longer for one too many. */
const GRACE_MS = 40;
/** After so many bytes of a part in small writes, the rest comes in larger ones: by then it says nothing new. */
const SMALL_WRITES_BYTES_MAX = 4096;
const STEP_AFTER_BYTES = 256;
/** A server that does nothing for so long is taken to wait for more. */
const SILENCE_MS = 500;
/** The same where an answer is as good as silence: it may only be late. */
const PATIENCE_MS = 3000;

/** Opens a connection; resolves when bytes can be sent. */
export type Dial = (port: number) => Promise<Socket>;

export const dialPlain: Dial = async (port) => {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
};

const secureContext = createSecureContext({ ca: readCertificate('server').ca });

export const dialTls: Dial = async (port) => {
  const tcp = await dialPlain(port);
  const socket = connectTls({
    socket: tcp,
    servername: 'localhost',
    secureContext,
    allowHalfOpen: true,
  } as ConnectionOptions);
  await once(socket, 'secureConnect');
  return socket;
};

export interface CaseRun {
  entry: Case;
  /** Put in place of `/__P__`. */
  path: string;
  dial: () => Promise<Socket>;
  /** In place of what the case says, where it does not say how long to pause. */
  bytesPerWrite?: number;
  /** All bytes of the case in two writes, the first so long. */
  cutAt?: number;
}

/** Runs one case against a server. */
export async function runCase({ entry, path, dial, bytesPerWrite, cutAt }: CaseRun): Promise<Observed> {
  const socket = await dial();
  const watch = new Watch(socket, entry);
  if (cutAt === undefined) for (const part of entry.send) await sendPart({ socket, watch, part, path, bytesPerWrite });
  else
    await sendInTwo({ socket, bytes: caseBytes(entry, path), cutAt, shutdown: entry.send.at(-1)?.then !== undefined });
  const observed = await watch.end();
  socket.destroy();
  return observed;
}

/** All bytes of a case, whatever pauses it makes. */
export function caseBytes(entry: Case, path: string): Buffer {
  return Buffer.concat(entry.send.flatMap((part) => Array<Buffer>(part.repeat ?? 1).fill(partBytes(part, path))));
}

function partBytes(part: Part, path: string): Buffer {
  return Buffer.from(Buffer.from(part.b64, 'base64').toString('latin1').replaceAll('/__P__', path), 'latin1');
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
      await this.until(() => this.text !== '', expect.v === 'hold' ? SILENCE_MS : PATIENCE_MS);
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

async function sendInTwo(plan: { socket: Socket; bytes: Buffer; cutAt: number; shutdown: boolean }): Promise<void> {
  const { socket, bytes, cutAt, shutdown } = plan;
  socket.write(bytes.subarray(0, cutAt));
  await nextTurn();
  await nextTurn();
  socket.write(bytes.subarray(cutAt));
  if (shutdown) socket.end();
}

interface Sending {
  socket: Socket;
  watch: Watch;
  part: Part;
  path: string;
  bytesPerWrite: number | undefined;
}

async function sendPart({ socket, watch, part, path, bytesPerWrite }: Sending): Promise<void> {
  const bytes = partBytes(part, path);
  const pauseMs = part.every_ms;
  const repeats = part.repeat ?? 1;
  const given = pauseMs === undefined ? (bytesPerWrite ?? part.split) : part.split;
  if (given === undefined && pauseMs === undefined) socket.write(Buffer.concat(Array(repeats).fill(bytes)));
  else {
    let step = given ?? bytes.length;
    for (let sent = 0; sent < bytes.length * repeats && !watch.closed; ) {
      if (sent >= SMALL_WRITES_BYTES_MAX && pauseMs === undefined) step = Math.max(step, STEP_AFTER_BYTES);
      const from = sent % bytes.length;
      const piece = bytes.subarray(from, from + step);
      sent += piece.length;
      socket.write(piece);
      if (pauseMs === undefined) await nextTurn();
      else await sleep(pauseMs);
    }
  }
  if (part.until !== undefined) await watch.until(() => watch.answers.interim.length > 0, INTERIM_MS_MAX);
  if (part.wait_ms !== undefined) await watch.until(() => false, part.wait_ms);
  if (part.then === 'shutdown_wr') socket.end();
}
