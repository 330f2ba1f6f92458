/**
 * Clients that mean no good, over raw sockets: slow with their head or body, deaf to their answers, or silent. Owns how
 * each behaves and when each was got rid of. They go on for as long as the collector lets them.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const DRIP_MS = 200;

export interface Hostile {
  /** What the collector said before it closed, by status; 0 for nothing. */
  readonly answers: Map<number, number>;
  /** Resolves when the last of them is gone, with how long the longest lasted. */
  readonly gone: Promise<number>;
  stop(): void;
}

export interface HostileOptions {
  url: string;
  count: number;
}

/** Opens connections that say `opening`, then `drip` every fifth of a second. */
async function open(
  { url, count }: HostileOptions,
  { opening, drip, deaf = false }: { opening: (index: number) => string; drip: string; deaf?: boolean },
): Promise<Hostile> {
  const { hostname, port } = new URL(url);
  const answers = new Map<number, number>();
  const open = new Set<Socket>();
  const ends: Promise<number>[] = [];

  async function begin(index: number): Promise<void> {
    const socket = connect(Number(port), hostname).setNoDelay(true);
    open.add(socket);
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    const startedMs = performance.now();
    let said = '';
    if (deaf) socket.pause();
    else socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
    const { promise, resolve } = Promise.withResolvers<number>();
    ends.push(promise);
    socket.on('close', () => {
      open.delete(socket);
      const status = said === '' ? 0 : Number(said.slice(9, 12));
      answers.set(status, (answers.get(status) ?? 0) + 1);
      resolve(performance.now() - startedMs);
    });
    socket.write(opening(index));
  }
  await Promise.all(Array.from({ length: count }, (_, index) => begin(index)));
  const dripping = setInterval(() => {
    if (drip !== '') for (const socket of open) if (socket.writableLength === 0) socket.write(drip);
  }, DRIP_MS);
  const gone = Promise.all(ends).then((lasted) => {
    clearInterval(dripping);
    return Math.max(...lasted);
  });
  const stop = (): void => open.forEach((socket) => socket.destroy());
  return { answers, gone, stop };
}

/** Each is a client of its own, or the limits of one would get rid of them. */
function batchHead(index: number): string {
  const client = `Client-Id: slow-${index}\r\nContent-Type: application/x-protobuf\r\n`;
  return `POST /v1/batches HTTP/1.1\r\nHost: test\r\n${client}`;
}

/** A head whose lines never end. */
export function slowHeads(options: HostileOptions): Promise<Hostile> {
  return open(options, { opening: batchHead, drip: 'X-More: 1\r\n' });
}

/** A body that comes by the byte. */
export function slowBodies(options: HostileOptions): Promise<Hostile> {
  return open(options, { opening: (index) => `${batchHead(index)}Content-Length: 100000\r\n\r\n`, drip: 'x' });
}

/** Connections that never say a word. */
export function silent(options: HostileOptions): Promise<Hostile> {
  return open(options, { opening: () => '', drip: '' });
}

/** One request answered, and nothing more. */
export function idle(options: HostileOptions): Promise<Hostile> {
  return open(options, { opening: () => 'GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n', drip: '' });
}

/** Ask on and on, and never read an answer. */
export function deaf(options: HostileOptions): Promise<Hostile> {
  const asking = 'GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(2000);
  return open(options, { opening: () => asking, drip: asking, deaf: true });
}
