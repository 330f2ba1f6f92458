/**
 * From an accepted socket to one that speaks TLS. Owns the handshakes under way and promises: each ends in success, in
 * one reported failure or by its deadline, counted from its first moment however its bytes come; a client that speaks
 * plain HTTP is told so; new material is for new handshakes, and what is open stays as it is.
 */
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket, Server } from 'node:tls';
import { certifiedBy } from './certified.ts';
import type { Reason } from './reasons.ts';
import { sentenceOf } from './reasons.ts';
import { finalText, plain } from './responses.ts';
import type { Shared } from './shared.ts';
import { tlsOptions } from './tls.ts';
import type { TlsMaterial } from './tls.ts';
import type { Certified } from './types.ts';

export interface Handshakes {
  /** @param socket freshly accepted, nothing read. */
  begin(socket: Socket, ip: string): void;
  /** @throws what node:tls says when it cannot be used; the last one stays in force then. */
  setMaterial(material: TlsMaterial): void;
  tick(tick: number): void;
  destroy(): void;
}

/** A connection that is not open yet. */
interface Handshake {
  ip: string;
  remote: string;
  deadlineTick: number;
}

/** Node keeps the socket below a TLS socket there; what it documents gives no way from one to the other. */
const BELOW = '_parent';

const PLAIN_HTTP = plain(400, sentenceOf('tls_expected'));

/**
 * @param opened takes the socket over, with the names that its client is certified for, if it is.
 * @param closed called once for each socket that `begin` was given, when it has closed, open or not.
 */
export function createHandshakes(
  shared: Shared,
  first: TlsMaterial,
  events: { opened: (socket: Socket, ip: string, certified?: Certified) => void; closed: (ip: string) => void },
): Handshakes {
  const pending = new Map<Socket, Handshake>();
  let clientCa = first.clientCa;
  let server = serverFor(first);

  function serverFor(material: TlsMaterial): Server {
    // It listens nowhere: sockets are handed to it when they have been let in.
    const made = createServer(tlsOptions(material));
    made.on('secureConnection', (socket) => secured(socket, material));
    made.on('tlsClientError', failed);
    return made;
  }

  function take(socket: TLSSocket): { below: Socket; handshake: Handshake } | undefined {
    const below = (socket as unknown as { [BELOW]?: Socket })[BELOW];
    const handshake = below === undefined ? undefined : pending.get(below);
    if (below === undefined || handshake === undefined) return undefined;
    pending.delete(below);
    return { below, handshake };
  }

  function secured(socket: TLSSocket, material: TlsMaterial): void {
    const taken = take(socket);
    // One that began before other authorities were named was judged by those of then.
    if (taken === undefined || material.clientCa !== clientCa) return void socket.destroy();
    socket.allowHalfOpen = true;
    const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
    const certified = certificate === undefined ? undefined : certifiedBy(certificate, material.clientId, Date.now());
    events.opened(socket, taken.handshake.ip, certified);
  }

  function failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const taken = take(socket);
    // One that has ended has been reported.
    if (taken === undefined) return;
    const { below, handshake } = taken;
    const reason = reasonFor(error);
    if (reason === 'tls_expected' && below.writable)
      below.write(finalText(PLAIN_HTTP, { date: shared.date, close: true, isHead: false }), 'latin1');
    // Whoever only looked whether the port is open did nothing wrong.
    if (error.code !== 'ECONNRESET' || below.bytesRead > 0) report(reason, handshake, detailOf(error, socket));
    socket.destroy();
  }

  function report(reason: Reason, { remote }: Handshake, detail: string): void {
    shared.handler.malformed(0, reason, remote, detail);
  }

  return {
    begin(socket, ip) {
      pending.set(socket, {
        ip,
        remote: `${ip}:${socket.remotePort}`,
        deadlineTick: shared.tick + shared.ticks.head,
      });
      socket.on('error', ignore);
      socket.on('close', () => {
        // What node has to say of an unfinished handshake, it says now.
        setImmediate(() => void pending.delete(socket));
        events.closed(ip);
      });
      // Whoever leaves within the handshake has left; once it is over, an answer may follow the client's end.
      socket.allowHalfOpen = false;
      server.emit('connection', socket);
    },
    setMaterial(material) {
      server = serverFor(material);
      ({ clientCa } = material);
    },
    tick(tick) {
      for (const [socket, handshake] of pending) {
        // They stand in the order of their deadlines.
        if (tick < handshake.deadlineTick) return;
        pending.delete(socket);
        report('tls_timeout', handshake, '');
        socket.destroy();
      }
    },
    destroy() {
      for (const socket of pending.keys()) {
        pending.delete(socket);
        socket.destroy();
      }
    },
  };
}

function ignore(): void {}

function reasonFor({ code }: NodeJS.ErrnoException): Reason {
  if (code === 'ERR_SSL_HTTP_REQUEST') return 'tls_expected';
  return code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'tls_timeout' : 'tls_handshake';
}

/** OpenSSL's words without its numbers: `error:0A000076:SSL routines::no suitable signature algorithm`. */
function detailOf(error: NodeJS.ErrnoException & { reason?: string }, socket: TLSSocket): string {
  // A certificate that is not taken ends the handshake as if the client had hung up.
  const { authorizationError } = socket as { authorizationError?: unknown };
  if (typeof authorizationError === 'string') return `the client's certificate: ${authorizationError}`;
  if (error.code === 'ECONNRESET') return 'the client hung up';
  return error.reason ?? error.message;
}
