/**
 * A listening socket and all its connections. Owns the accept path, the connection cap, the one coarse timer and the
 * stop; promises that `stop` takes no new request, lets answers in flight out, and ends by its deadline.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { READ_BUFFER_BYTES, adopt } from './adopt.ts';
import { Connection } from './connection.ts';
import { Shared, TICK_MS } from './shared.ts';
import type { HttpStats } from './shared.ts';
import type { Handler, HttpLimits } from './types.ts';

/** Connections over the cap that are being told so; beyond these, a connection is closed without a word. */
export const REFUSALS_MAX = 64;

export interface ServeOptions {
  limits: HttpLimits;
  handler: Handler;
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
  /** Connections open now. */
  connections(): number;
  /** Running totals; the object is live. */
  readonly stats: Readonly<HttpStats>;
  /**
   * Stops accepting, closes idle connections, answers what is in flight with `Connection: close`, and destroys what is
   * left after `drainMs`. Idempotent: a second call waits for the same stop. @returns how many had to be destroyed.
   */
  stop(options: { drainMs: number }): Promise<{ forced: number }>;
}

/** The kernel's queue of connections not accepted yet. */
const BACKLOG = 1024;

/**
 * Listens on a plain TCP port. Rejects with the system's error (EADDRINUSE, EACCES …) when it cannot.
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
  return serve(server, 'connection', options);
}

/**
 * Serves HTTP/1.1 on a server that listens already: `connection` of a net.Server (`allowHalfOpen`, `noDelay` and
 * `pauseOnConnect` set) or `secureConnection` of a tls.Server.
 */
export function serve(server: Server, event: 'connection' | 'secureConnection', options: ServeOptions): Listener {
  const shared = new Shared(options.limits, options.handler);
  const table: Connection[] = [];
  const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  let whenEmpty: (() => void) | undefined;
  let stopping: Promise<{ forced: number }> | undefined;

  let refusing = 0;

  const forget = (connection: Connection): void => {
    if (connection.refused) refusing--;
    const last = table.pop()!;
    if (last !== connection) {
      table[connection.slot] = last;
      last.slot = connection.slot;
    }
    shared.stats.openConnections = table.length;
    if (table.length === 0) whenEmpty?.();
  };

  const accept = (socket: Socket): void => {
    const over = table.length - refusing >= options.limits.connectionsMax;
    if (shared.draining || (over && refusing >= REFUSALS_MAX)) {
      shared.stats.connectionsRefused++;
      socket.destroy();
      return;
    }
    const connection = new Connection(shared, forget);
    connection.slot = table.length;
    table.push(connection);
    shared.stats.openConnections = table.length;
    connection.open(adopt(socket, readBuffer, connection));
    if (over) {
      refusing++;
      shared.stats.connectionsRefused++;
      connection.refuse();
    } else shared.stats.connectionsAccepted++;
  };

  const ticker = setInterval(() => {
    const tick = ++shared.tick;
    for (const connection of table) connection.onTick(tick);
  }, TICK_MS).unref();
  server.on(event, accept);
  server.on('error', () => void shared.stats.acceptFailures++);

  const stop = async (drainMs: number): Promise<{ forced: number }> => {
    shared.draining = true;
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    const empty = new Promise<void>((resolve) => void (whenEmpty = resolve));
    for (const connection of table.slice()) connection.drain();
    let forced = 0;
    if (table.length > 0) {
      const deadline = setTimeout(() => {
        forced = table.length;
        for (const connection of table.slice()) connection.destroy();
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
    connections: () => table.length,
    stats: shared.stats,
    stop: ({ drainMs }) => (stopping ??= stop(drainMs)),
  };
}
