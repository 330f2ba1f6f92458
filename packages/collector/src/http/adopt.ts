/**
 * How bytes come out of an accepted socket. Owns the choice between two ways and promises the same calls from both:
 * `read` with bytes valid only during the call, `ended` at the peer's half-close, `closed` once at the end.
 *
 * Plain TCP sockets read into ONE buffer shared by all connections (node's `onread`): no allocation per read and no
 * stream machinery, 30 % less CPU per request. Node offers `onread` only to sockets one constructs oneself, so the
 * accepted handle is moved into a new Socket; `handle` and `_handle` are not documented, and where they are not what
 * is expected (TLS, another runtime) the documented 'data' event serves.
 */
import { Socket } from 'node:net';

export const READ_BUFFER_BYTES = 64 * 1024;

/** What a connection wants to hear from its socket. */
export interface SocketUser {
  read(bytes: Buffer, length: number): void;
  ended(): void;
  closed(): void;
}

/** The property of a Socket that holds its handle. */
const HANDLE = '_handle';

interface TcpHandle {
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
}

/**
 * Takes over a freshly accepted socket (accepted with `pauseOnConnect` for the shared buffer to be used).
 * @returns the socket to write to and to close.
 */
export function adopt(accepted: Socket, readBuffer: Buffer, user: SocketUser): Socket {
  const handle = takeHandle(accepted);
  const socket = handle === undefined ? accepted : overSharedBuffer(handle, readBuffer, user);
  if (handle === undefined) socket.on('data', (chunk: Buffer) => user.read(chunk, chunk.length));
  // A broken connection is no event of its own: 'close' follows every 'error'.
  socket.on('error', ignore);
  socket.on('end', () => user.ended());
  socket.on('close', () => user.closed());
  socket.resume();
  return socket;
}

function ignore(): void {}

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
