/**
 * A listening socket: who is let in, and when all of it ends. Owns the accept path, the places that connections take,
 * the one coarse timer and the stop; promises that every connection let in gives its place back exactly once, and that
 * `stop` takes no new request, lets answers in flight out, and ends by its deadline.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createConnections } from './connections.ts';
import { createHeld } from './held.ts';
import type { Reason } from './reasons.ts';
import { Shared, TICK_MS } from './shared.ts';
import type { HttpStats } from './shared.ts';
import type { TlsMaterial } from './tls.ts';
import { createHandshakes } from './tls-listener.ts';
import type { Handler, HttpLimits } from './types.ts';

/** Connections turned away that are being told so; beyond these, a connection is closed without a word. */
export const REFUSALS_MAX = 64;

export interface ServeOptions {
  limits: HttpLimits;
  handler: Handler;
  /** Connections are accepted, and read only from `release` on. */
  held?: boolean;
  /** Absent: plain HTTP. */
  tls?: TlsMaterial | undefined;
}

export interface ListenOptions extends ServeOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Several threads or processes listen on one port, and the kernel spreads connections over them. */
  reusePort: boolean;
}

export interface Listener {
  readonly port: number;
  /** Connections open now, those that are being turned away or wait for `release` included. */
  connections(): number;
  /** Running totals; the object is live. */
  readonly stats: Readonly<HttpStats>;
  /** Begins to read, when `held` was asked for: from the connections that wait, in their order, and all that come. Idempotent. */
  release(): void;
  /**
   * For handshakes from now on; open connections stay as they are, but for those with a certificate when `clientCa` is
   * another: they end, and are judged when they come again. @throws when it cannot be used, or the port is plain.
   */
  setTls(material: TlsMaterial): void;
  /**
   * Stops accepting, closes idle connections and those not begun, answers what is in flight with `Connection: close`,
   * and destroys what is left after `drainMs`. Idempotent: a second call waits for the same stop. @returns how many had
   * to be destroyed.
   */
  stop(options: { drainMs: number }): Promise<{ forced: number }>;
}

/** The kernel's queue of connections not accepted yet. */
const BACKLOG = 1024;

/**
 * Listens on a TCP port. Rejects with the system's error (EADDRINUSE, EACCES …) when it cannot.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, backlog: BACKLOG, reusePort: options.reusePort }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  return serve(server, options);
}

/**
 * Serves HTTP/1.1, over TLS if so asked, on a net.Server that listens already (`allowHalfOpen`, `noDelay` and
 * `pauseOnConnect` set).
 */
export function serve(server: Server, options: ServeOptions): Listener {
  const { limits, handler } = options;
  const shared = new Shared(limits, handler);
  const { stats } = shared;
  let clientCa = options.tls?.clientCa ?? '';
  /** Connections that were let in and have not gone. */
  let places = 0;
  let holding = options.held === true;
  let whenEmpty: (() => void) | undefined;
  let stopping: Promise<{ forced: number }> | undefined;

  const leave = (ip: string): void => {
    places--;
    handler.gone?.(ip);
    counted();
  };
  const connections = createConnections(shared, (ip, refused) => {
    // Below TLS there is another socket, and its end is the one that counts.
    if (refused || handshakes !== undefined) counted();
    else leave(ip);
  });
  const waiting = createHeld(leave);
  const handshakes =
    options.tls === undefined
      ? undefined
      : createHandshakes(shared, options.tls, { opened: connections.open, closed: leave });
  const begin = handshakes === undefined ? connections.open : handshakes.begin;
  const counted = (): void => {
    stats.openConnections = places + connections.refusing;
    if (stats.openConnections === 0 && connections.size === 0) whenEmpty?.();
  };

  const turnAway = (socket: Socket, ip: string, reason: Reason): void => {
    stats.connectionsRefused++;
    // In the clear nobody who speaks TLS would understand, and a handshake is what it must not cost.
    if (handshakes === undefined && connections.refusing < REFUSALS_MAX) connections.refuse(socket, ip, reason);
    else {
      handler.malformed(0, reason, `${ip}:${socket.remotePort}`);
      socket.destroy();
    }
  };

  const accept = (socket: Socket): void => {
    const ip = plainAddress(socket.remoteAddress);
    // Without an address it has gone already.
    if (shared.draining || ip === '') {
      if (shared.draining) stats.connectionsRefused++;
      socket.destroy();
      return;
    }
    const reason = places >= limits.connectionsMax ? 'connections_full' : handler.arrived?.(ip);
    if (reason === undefined) {
      places++;
      stats.connectionsAccepted++;
      if (holding) waiting.hold(socket, ip);
      else begin(socket, ip);
    } else turnAway(socket, ip, reason);
    counted();
  };

  const ticker = setInterval(() => {
    const tick = shared.advance(Date.now());
    connections.tick(tick);
    handshakes?.tick(tick);
  }, TICK_MS).unref();
  server.on('connection', accept);
  server.on('error', () => void stats.acceptFailures++);

  const stop = async (drainMs: number): Promise<{ forced: number }> => {
    shared.draining = true;
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    const empty = new Promise<void>((resolve) => void (whenEmpty = resolve));
    waiting.destroy();
    handshakes?.destroy();
    connections.drain();
    let forced = 0;
    if (stats.openConnections > 0 || connections.size > 0) {
      const deadline = setTimeout(() => {
        forced = stats.openConnections;
        connections.destroy();
      }, drainMs);
      await empty;
      clearTimeout(deadline);
    }
    await closed;
    clearInterval(ticker);
    return { forced };
  };

  return {
    port: (server.address() as AddressInfo).port,
    connections: () => stats.openConnections,
    stats,
    release() {
      holding = false;
      if (!shared.draining) waiting.release(begin);
    },
    setTls(material) {
      if (handshakes === undefined) throw new Error('http: this listener is plain; give listen() its tls');
      handshakes.setMaterial(material);
      if (material.clientCa !== clientCa) connections.withdraw();
      clientCa = material.clientCa;
    },
    stop: ({ drainMs }) => (stopping ??= stop(drainMs)),
  };
}

/** @returns the address as text; of an IPv4 client on a socket for IPv6, its IPv4 address; '' when there is none. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}
