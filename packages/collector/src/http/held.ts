/**
 * Sockets that are connected and wait for the listener to begin. Owns them until then; promises that nothing of them is
 * read, and that each is either released or closed.
 */
import type { Socket } from 'node:net';

export interface Held {
  hold(socket: Socket, ip: string): void;
  /** Hands them over in the order in which they came. */
  release(begin: (socket: Socket, ip: string) => void): void;
  destroy(): void;
}

/** @param gone called for each socket that ends while it waits. */
export function createHeld(gone: (ip: string) => void): Held {
  const waiting = new Map<Socket, { ip: string; closed: () => void }>();
  return {
    hold(socket, ip) {
      const closed = (): void => {
        if (waiting.delete(socket)) gone(ip);
      };
      waiting.set(socket, { ip, closed });
      socket.on('error', ignore);
      socket.on('close', closed);
    },
    release(begin) {
      for (const [socket, { ip, closed }] of waiting) {
        waiting.delete(socket);
        socket.removeListener('error', ignore);
        socket.removeListener('close', closed);
        begin(socket, ip);
      }
    },
    destroy() {
      for (const socket of waiting.keys()) socket.destroy();
    },
  };
}

function ignore(): void {}
