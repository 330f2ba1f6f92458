/**
 * The open connections of one listener. Owns the table of them and the buffer that they read into, and promises that
 * each connection is forgotten exactly once, when its socket has closed, however it ended.
 */
import type { Socket } from 'node:net';
import { READ_BUFFER_BYTES, adopt } from './adopt.ts';
import { Connection } from './connection.ts';
import type { Reason } from './reasons.ts';
import type { Shared } from './shared.ts';
import type { Certified } from './types.ts';

export interface Connections {
  readonly size: number;
  /** Those turned away that have not gone yet. */
  readonly refusing: number;
  /** Reads from a socket that was let in. @param certified by its client's certificate, if it has a valid one. */
  open(socket: Socket, ip: string, certified?: Certified): void;
  /** Tells the other end why it is turned away; nothing it sends is taken. */
  refuse(socket: Socket, ip: string, reason: Reason): void;
  tick(tick: number): void;
  /** Ends those that a certificate let in: whoever signed it may be believed no longer. */
  withdraw(): void;
  /** Ends each connection after the requests that it is in. */
  drain(): void;
  destroy(): void;
}

/** @param closed called when a connection is forgotten; `refused`: it never was let in. */
export function createConnections(shared: Shared, closed: (ip: string, refused: boolean) => void): Connections {
  const table: Connection[] = [];
  const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  let refusing = 0;

  const forget = (connection: Connection): void => {
    const last = table.pop()!;
    if (last !== connection) {
      table[connection.slot] = last;
      last.slot = connection.slot;
    }
    if (connection.refused) refusing--;
    closed(connection.ip, connection.refused);
  };

  const begin = (socket: Socket, ip: string, certified?: Certified): Connection => {
    const connection = new Connection(shared, { ip, certified, onClosed: forget });
    connection.slot = table.length;
    table.push(connection);
    connection.open(adopt(socket, readBuffer, connection));
    return connection;
  };

  return {
    get size() {
      return table.length;
    },
    get refusing() {
      return refusing;
    },
    open: (socket, ip, certified) => void begin(socket, ip, certified),
    refuse(socket, ip, reason) {
      refusing++;
      begin(socket, ip).refuse(reason);
    },
    tick(tick) {
      for (const connection of table) connection.onTick(tick);
    },
    withdraw() {
      for (const connection of table.slice()) connection.withdraw();
    },
    drain() {
      for (const connection of table.slice()) connection.drain();
    },
    destroy() {
      for (const connection of table.slice()) connection.destroy();
    },
  };
}
