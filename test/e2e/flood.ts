/**
 * Clients that send batches as fast as they are answered, or at even times, over raw keep-alive connections. Owns the
 * bookkeeping: what was answered yes, when, how long it took, and what every no said. A batch that was refused goes to
 * the next free connection, so that a client's seqs stay close together.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeBatch } from '@metricstream/proto/encode.ts';

export interface BatchShape {
  series: number;
  /** Readings of each series in one batch. */
  sweeps: number;
  /** The length of a label's value, to make batches larger. */
  labelLength: number;
}

/** What an answer of 429 told, in each of its places. */
export interface Refusal {
  error: string;
  retryAfterS: number;
  retryAfterMs: number;
  limit: string;
}

export interface Flood {
  /** Points of all batches that were answered 2xx, and their bytes. */
  readonly accepted: { batches: number; points: number; bytes: number };
  /** One of each kind of 429, and how many. */
  readonly refusals: Map<string, { count: number; first: Refusal; incomplete: number }>;
  /** Other answers by status. */
  readonly others: Map<number, number>;
  /** Resolves at the first 429. */
  readonly limited: Promise<void>;
  /** Closes all connections at once. */
  stop(): void;
}

export interface FloodOptions {
  url: string;
  clientId: string;
  connections: number;
  shape: BatchShape;
}

export async function startFlood({ url, clientId, connections, shape }: FloodOptions): Promise<Flood> {
  const { hostname, port } = new URL(url);
  const make = batchMaker(clientId, shape);
  const waiting: Buffer[] = [];
  const sockets: Socket[] = [];
  const { promise: limited, resolve: onLimited } = Promise.withResolvers<void>();
  const flood: Flood = {
    accepted: { batches: 0, points: 0, bytes: 0 },
    refusals: new Map(),
    others: new Map(),
    limited,
    stop: () => sockets.forEach((socket) => socket.destroy()),
  };

  function note(answer: Answer, sent: Buffer): void {
    if (answer.status === 200) {
      flood.accepted.batches++;
      flood.accepted.points += shape.series * shape.sweeps;
      flood.accepted.bytes += bodyLengthOf(sent);
      return;
    }
    waiting.push(sent);
    if (answer.status !== 429) return void flood.others.set(answer.status, (flood.others.get(answer.status) ?? 0) + 1);
    const refusal = refusalOf(answer);
    const known = flood.refusals.get(refusal.error) ?? { count: 0, first: refusal, incomplete: 0 };
    known.count++;
    if (!isComplete(refusal)) known.incomplete++;
    flood.refusals.set(refusal.error, known);
    onLimited();
  }

  async function run(): Promise<void> {
    const socket = connect(Number(port), hostname).setNoDelay(true);
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    let sent = waiting.shift() ?? make();
    onAnswers(socket, (answer) => {
      note(answer, sent);
      sent = waiting.shift() ?? make();
      socket.write(sent);
    });
    socket.write(sent);
  }
  await Promise.all(Array.from({ length: connections }, run));
  return flood;
}

let epochs = 0;

/** @returns what makes whole requests, each with the next seq of one epoch. */
function batchMaker(clientId: string, { series, sweeps, labelLength }: BatchShape): () => Buffer {
  const epoch = Date.now() * 1024 + (epochs++ % 1024);
  const filler = 'x'.repeat(labelLength);
  const list = Array.from({ length: series }, (_, i) => ({
    name: `test.value${i}`,
    unit: 'count',
    kind: 'float' as const,
    labels: labelLength === 0 ? [] : [['path', `${filler}${i}`] as [string, string]],
  }));
  let seq = 0;
  return () => {
    seq++;
    const startMs = 1_790_000_000_000 + seq * 1000 * sweeps;
    const body = encodeBatch({
      clientId,
      epoch,
      seq,
      schemaVersion: 1,
      agentVersion: 'test',
      configHash: 0n,
      pointsSampledTotal: seq * series * sweeps,
      droppedTotal: [],
      resource: [['host', clientId]],
      series: list,
      timesUnixNano: Array.from({ length: sweeps }, (_, sweep) => BigInt(startMs + sweep * 1000) * 1_000_000n),
      values: new Float64Array(series * sweeps).fill(seq),
    });
    const head =
      `POST /v1/batches HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-protobuf\r\nAccept: application/json\r\n` +
      `Client-Id: ${clientId}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), body]);
  };
}

function bodyLengthOf(request: Buffer): number {
  return request.length - request.indexOf('\r\n\r\n') - 4;
}

export interface Answer {
  status: number;
  head: string;
  body: string;
}

/** Calls `each` for every whole answer; all of them have a Content-Length. */
function onAnswers(socket: Socket, each: (answer: Answer) => void): void {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end);
      const whole = end + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (text.length < whole) return;
      const body = text.slice(end + 4, whole);
      text = text.slice(whole);
      each({ status: Number(head.slice(9, 12)), head, body });
    }
  });
}

function refusalOf({ head, body }: Answer): Refusal {
  const told = JSON.parse(body) as { error?: string; retry_after_ms?: number; limit?: string };
  return {
    error: told.error ?? '',
    retryAfterS: Number(/\r\nretry-after: *(\d+)/i.exec(head)?.[1] ?? Number.NaN),
    retryAfterMs: told.retry_after_ms ?? Number.NaN,
    limit: told.limit ?? '',
  };
}

/** Whether a 429 names its limit and its wait, in all places alike. */
function isComplete({ retryAfterS, retryAfterMs, limit }: Refusal): boolean {
  return retryAfterMs > 0 && retryAfterS === Math.ceil(retryAfterMs / 1000) && limit !== '';
}
