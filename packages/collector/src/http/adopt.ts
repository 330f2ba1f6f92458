/**
 * How bytes come out of an accepted socket and go into it. Owns the choice between two ways and promises the same of
 * both: `read` with bytes valid only during the call, `ended` at the peer's half-close, `closed` once at the end, and
 * a `send` that says whether the kernel took everything. The direct way goes around node's streams, which cost more
 * than all of http/: plain TCP sockets read into ONE buffer shared by all connections (`onread`, a third less CPU per
 * request) and are written to through `_write` (a tenth less), TLS sockets too. Node gives `onread` only to sockets one
 * constructs, so the accepted handle is moved into a new Socket; to TLS above an accepted socket it gives none, and 'data'
 * events serve. `_handle`, `handle` and calling `_write` are not documented API: where they are not what is expected,
 * 'data' events and `write` serve.
 */
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export const READ_BUFFER_BYTES = 64 * 1024;

/** What a connection wants to hear from its socket. */
export interface SocketUser {
  read(bytes: Buffer, length: number): void;
  ended(): void;
  closed(): void;
}

/** What of a Socket is used without being documented for it. */
const HANDLE = '_handle';
const WRITE = '_write';

interface TcpHandle {
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
}

/** An open connection's socket. */
export interface Wire {
  readonly socket: Socket;
  /** Written to without node's streams. */
  readonly direct: boolean;
}

/**
 * Takes over a freshly accepted socket (accepted with `pauseOnConnect` for the direct way).
 */
export function adopt(accepted: Socket, readBuffer: Buffer, user: SocketUser): Wire {
  const handle = takeHandle(accepted);
  const socket = handle === undefined ? accepted : overSharedBuffer(handle, readBuffer, user);
  if (handle === undefined) socket.on('data', (chunk: Buffer) => user.read(chunk, chunk.length));
  // A broken connection is no event of its own: 'close' follows every 'error', which TLS would leave to us.
  socket.on('error', destroyed);
  socket.on('end', () => user.ended());
  socket.on('close', () => user.closed());
  socket.resume();
  return { socket, direct: handle !== undefined || accepted instanceof TLSSocket };
}

/** One function for all sockets: an idle connection costs what hangs on its socket. */
function destroyed(this: Socket): void {
  this.destroy();
}

function takeHandle(accepted: Socket): TcpHandle | undefined {
  if (Object.getPrototypeOf(accepted) !== Socket.prototype || !accepted.isPaused()) return undefined;
  const inner = accepted as unknown as { [HANDLE]: Partial<TcpHandle> | null };
  const handle = inner[HANDLE];
  if (typeof handle?.useUserBuffer !== 'function' || typeof handle.readStart !== 'function') return undefined;
  inner[HANDLE] = null;
  // Without its handle the old socket is an empty shell; destroying it keeps the server's own count right.
  accepted.destroy();
  return handle as TcpHandle;
}

function overSharedBuffer(handle: TcpHandle, buffer: Buffer, user: SocketUser): Socket {
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer,
      callback: (length: number): boolean => {
        user.read(buffer, length);
        return true;
      },
    },
  };
  return new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
}

/**
 * Writes Latin-1 text. The caller waits for `done` before it sends again unless all was taken.
 * @param done called when the kernel has all of it, during this call too; with an error when it never will.
 */
export function send(wire: Wire, text: string, done: (error?: Error | null) => void): void {
  if (wire.direct) wire.socket[WRITE](text, 'latin1', done);
  else {
    // A stream calls back one turn late even when the kernel took everything at once: then that call is not needed.
    let taken = false;
    wire.socket.write(text, 'latin1', (error) => {
      if (!taken) done(error);
    });
    taken = wire.socket.writableLength === 0;
    if (taken) done();
  }
}
