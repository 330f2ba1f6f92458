/**
 * Clients for fault tests: each sends batch after batch over one keep-alive connection, writes down what it sent and
 * what it was told, and sends the same bytes again until it is told yes. Owns that bookkeeping only.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { Agent, request } from 'undici';
import { keyOf } from './ledger.ts';

export const POINTS_PER_BATCH = 5;

export interface Fleet {
  /** Points by triple, written down before the first byte goes out. */
  readonly sent: Map<string, number>;
  readonly acked: Set<string>;
  /** Answers by status, and `error` for none. */
  readonly answers: Map<string, number>;
  /** Where the collector is now; clients find it again by themselves. */
  url: string;
  /** Lets every client finish the batch it is at, yes included. */
  finish(): Promise<void>;
}

export interface FleetOptions {
  clients: number;
  url: string;
  /** Between two batches of one client. */
  pauseMs: number;
  namePrefix?: string;
}

export function startFleet({ clients, url, pauseMs, namePrefix = 'client' }: FleetOptions): Fleet {
  const dispatcher = new Agent({ connect: { timeout: 1000 }, headersTimeout: 3000, bodyTimeout: 3000 });
  const finishing = new AbortController();
  const fleet: Fleet = {
    sent: new Map(),
    acked: new Set(),
    answers: new Map(),
    url,
    async finish() {
      finishing.abort();
      await Promise.all(loops);
      await dispatcher.destroy();
    },
  };

  async function post(body: Uint8Array, clientId: string, seq: number): Promise<string> {
    try {
      const headers = { 'content-type': 'application/x-protobuf', 'client-id': clientId, 'oldest-seq': String(seq) };
      const answer = await request(`${fleet.url}/v1/batches`, { method: 'POST', body, headers, dispatcher });
      await answer.body.dump();
      return String(answer.statusCode);
    } catch {
      return 'error';
    }
  }

  async function client(index: number): Promise<void> {
    const clientId = `${namePrefix}-${index}`;
    const epoch = Date.now() * 1024 + index;
    let timeMs = 0;
    for (let seq = 1; !finishing.signal.aborted; seq++) {
      const key = keyOf({ clientId, epoch, seq });
      // No two batches of one time: in InfluxDB the second would replace the first.
      timeMs = Math.max(Date.now(), timeMs + 1);
      const body = batchOf(clientId, epoch, seq, timeMs);
      fleet.sent.set(key, POINTS_PER_BATCH);
      for (let status = ''; status !== '200'; ) {
        status = await post(body, clientId, seq);
        fleet.answers.set(status, (fleet.answers.get(status) ?? 0) + 1);
        if (status !== '200') await delay(20);
      }
      fleet.acked.add(key);
      if (pauseMs > 0) await delay(pauseMs);
    }
  }

  const loops = Array.from({ length: clients }, (_, index) => client(index));
  return fleet;
}

/** A small batch whose values say its seq, so that a mix-up would show. */
export function batchOf(clientId: string, epoch: number, seq: number, timeMs = Date.now()): Uint8Array {
  const names = Array.from({ length: POINTS_PER_BATCH }, (_, i) => `test.value${i}`);
  return encodeBatch({
    clientId,
    epoch,
    seq,
    schemaVersion: 1,
    agentVersion: 'test',
    configHash: 0n,
    pointsSampledTotal: seq * POINTS_PER_BATCH,
    droppedTotal: [],
    resource: [['host', clientId]],
    series: names.map((name) => ({ name, unit: 'count', kind: 'float', labels: [] })),
    timesUnixNano: [BigInt(timeMs) * 1_000_000n],
    values: Float64Array.from(names, (_, i) => seq + i / 10),
  });
}
