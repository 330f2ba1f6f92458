/** A collector in a few lines for the agent's process tests: remembers every batch it said yes to, and misbehaves. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { encodeAck } from '@metricstream/proto/ack.ts';
import { metricstream } from '@metricstream/proto/gen/metricstream.js';
import { onTestFinished } from 'vitest';

export interface AckedBatch {
  epoch: string;
  seq: number;
  points: number;
  sampledTotal: number;
  lane: string;
  oldestSeq: number;
}

export interface FakeCollector {
  readonly url: string;
  /** By `epoch:seq`. */
  readonly acked: Map<string, AckedBatch>;
  /** Batches that came again with other bytes. */
  readonly changed: string[];
  requests: number;
  /** What to do with the n-th request. `cut`: take it, then reset the connection instead of answering. */
  behave: (count: number) => 'ok' | 'cut' | 'busy' | 'reject';
  /** Resolves when `done()` is true; asked after each request. */
  until(done: () => boolean): Promise<void>;
}

const number = (bits: { low: number; high: number }): number => (bits.high >>> 0) * 2 ** 32 + (bits.low >>> 0);

export async function fakeCollector(): Promise<FakeCollector> {
  const bytesOf = new Map<string, string>();
  const waiting = new Set<() => void>();
  const collector: FakeCollector = {
    url: '',
    acked: new Map(),
    changed: [],
    requests: 0,
    behave: () => 'ok',
    until(done) {
      return new Promise((resolve) => {
        const look = (): void => {
          if (!done()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
  };
  const server: Server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const sent = Buffer.concat(pieces);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      const batch = metricstream.Batch.decode(body);
      const [epoch, seq] = [String(number(batch.epoch)), number(batch.seq)];
      const key = `${epoch}:${seq}`;
      const text = body.toString('base64');
      if (bytesOf.has(key) && bytesOf.get(key) !== text) collector.changed.push(key);
      bytesOf.set(key, text);
      const what = collector.behave(++collector.requests);
      if (what === 'busy') response.writeHead(503, { 'retry-after': '0' }).end('busy');
      else if (what === 'reject') response.writeHead(422).end('no');
      else {
        const points = [...batch.values].filter((value) => !Number.isNaN(value)).length;
        const [lane, oldestSeq] = [String(request.headers['lane']), Number(request.headers['oldest-seq'])];
        const sampledTotal = number(batch.pointsSampledTotal);
        collector.acked.set(key, { epoch, seq, points, sampledTotal, lane, oldestSeq });
        if (what === 'cut') request.socket.resetAndDestroy();
        else {
          const ack = { durable: 'journal', contiguousSeq: 0, receivedUnixMs: Date.now(), duplicate: false } as const;
          response.writeHead(200).end(encodeAck(ack));
        }
      }
      for (const look of waiting) look();
    });
  });
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(collector, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
