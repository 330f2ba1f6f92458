/** A collector in a few lines, plain or over TLS, and an uplink to it: what the tests of the uplink share. */
import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { encodeAck } from '@metricstream/proto/ack.ts';
import { systemClock } from '@metricstream/shared/clock.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { onTestFinished } from 'vitest';
import { createCredentials } from '../src/credentials.ts';
import { createUplink, type UplinkOptions } from '../src/uplink.ts';

export const EPOCH = 500;
export const NO_TLS = { caFile: '', certFile: '', keyFile: '' };
const NEVER = new AbortController().signal;

export function record(seq: number, body: Uint8Array, clientId = 'web-1'): JournalRecord {
  const head = { kind: 1, lane: 0, clientId, points: 10, epoch: EPOCH, seq, oldestSeq: 0, receivedUnixMs: 1 } as const;
  return { ...head, bodyCrc: 0, body };
}

export interface Seen {
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  socket: Socket;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: Uint8Array;
}

type ServerTls = SecureContextOptions & TlsOptions;

/** A collector that answers as told and remembers what came. */
export async function collector(reply: (count: number, seen: Seen) => Reply, tls?: ServerTls) {
  const seen: Seen[] = [];
  const onRequest: RequestListener = (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { url = '', headers, socket } = request;
      const one = { url, headers, body: Buffer.concat(pieces), socket };
      seen.push(one);
      const { status, headers: extra, body } = reply(seen.length, one);
      response.writeHead(status, extra);
      response.end(body);
    });
  };
  const server = tls === undefined ? createHttpServer(onRequest) : createHttpsServer(tls, onRequest);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, seen, server };
}

export interface UplinkKitOptions extends Partial<UplinkOptions> {
  tokenFile?: string;
}

export function uplinkTo(url: string, { tokenFile = '', tls = NO_TLS, ...more }: UplinkKitOptions = {}) {
  const credentials = createCredentials({ url, tokenFile, tls, log: silentLog, lookEveryMs: 20 });
  onTestFinished(() => credentials.close());
  const uplink = createUplink({
    url,
    clientId: 'web-1',
    epoch: EPOCH,
    timeoutMs: 5000,
    compression: 'gzip',
    compressAboveBytes: 1000,
    tls,
    credentials,
    sending: ({ seq }) => ({ oldestSeq: seq - 1, bytes: 4096, runwaySeconds: 3600 }),
    clock: systemClock,
    ...more,
  });
  const sink = uplink.sink('live');
  onTestFinished(() => sink.close());
  const send = (one: JournalRecord) => sink.write({ records: [one], bytes: one.body.length }, NEVER);
  return { uplink, sink, send, credentials };
}

export const ack = (contiguousSeq: number): Reply => ({
  status: 200,
  body: encodeAck({ durable: 'journal', contiguousSeq, receivedUnixMs: Date.now() + 60_000, duplicate: false }),
});

/** A server of bare sockets; `onRequest` is called for each chunk that comes. */
export async function rawServer(onRequest: (socket: Socket, count: number, text: string) => void) {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => onRequest(socket, ++count, data.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Resolves when the signal is aborted, at once when it is. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
