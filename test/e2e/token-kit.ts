/** What tests of identity share: the token verbs as an operator runs them, and one client on one kept-alive connection. */
import { execFile } from 'node:child_process';
import type { ConnectionOptions } from 'node:tls';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { productEntries } from '../../install/local/session.ts';
import { batchOf } from './clients.ts';

const run = promisify(execFile);

export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs the collector's command to its end. */
export async function collectorCommand(...args: string[]): Promise<Ended> {
  try {
    const { stdout, stderr } = await run(process.execPath, [productEntries.collector, ...args]);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { code, out: stdout, err: stderr };
  }
}

/** @returns a new token of that tokens file. */
export async function newToken(file: string, client: string, ...more: string[]): Promise<string> {
  const { code, out, err } = await collectorCommand('token', 'new', '--client', client, '--file', file, ...more);
  if (code !== 0) throw new Error(err);
  return out.trim();
}

export interface Answered {
  status: number;
  text: string;
  headers: Record<string, string | string[] | undefined>;
}

export interface OneConnection {
  /** Sends the next batch of `clientId`. @param token '' for none. */
  send(token: string, clientId?: string): Promise<Answered>;
  /** Sends until the answer has another status. @returns it, and when it came. */
  sendUntilNot(status: number, token: string): Promise<Answered & { atMs: number; sent: number }>;
  close(): Promise<void>;
}

/** Two of one client must not have one epoch. */
let connections = 0;

/** A client that keeps its one connection. @param url the collector's. @param tls whom it trusts, and as whom it comes. */
export function oneConnection(url: string, clientId: string, tls: ConnectionOptions = {}): OneConnection {
  const dispatcher = new Agent({ connections: 1, pipelining: 1, connect: tls });
  const epoch = Date.now() * 1024 + connections++;
  let seq = 0;

  async function send(token: string, asClient = clientId): Promise<Answered> {
    const headers: Record<string, string> = { 'content-type': 'application/x-protobuf', 'client-id': asClient };
    if (token !== '') headers['authorization'] = `Bearer ${token}`;
    const body = batchOf(asClient, epoch, ++seq);
    const answer = await request(`${url}/v1/batches`, { method: 'POST', headers, body, dispatcher });
    return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
  }

  return {
    send,
    async sendUntilNot(status, token) {
      for (let sent = 1; ; sent++) {
        const answer = await send(token);
        if (answer.status !== status) return { ...answer, atMs: performance.now(), sent };
        if (sent > 20_000) throw new Error(`still ${status} after ${sent} requests`);
        await delay(2);
      }
    },
    close: () => dispatcher.destroy(),
  };
}
