/**
 * What TLS costs the front door, beside node:https in the same run: CPU per request on kept connections, CPU per
 * handshake (new and resumed, with one request each), memory of an idle connection. Owns these rows of the bench `http`.
 */
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { readCertificate } from '../../../test/services/certificates.ts';
import { ask, cpuUs, idleRow, measureCpu, nodeCommand, startServer } from './http-rig.ts';
import type { Load, Server } from './http-rig.ts';

const SIZES = [
  { bytes: 200, name: '200 B' },
  { bytes: 4096, name: '4 KB' },
] as const;
const IDLE_CONNECTIONS = 2000;
const HANDSHAKES = 3000;
/** Handshakes under way at once. */
const WIDTH = 16;

const { ca } = readCertificate('server');

export async function tlsRows(load: Load, options: BenchOptions, started: Server[]): Promise<BenchRow[]> {
  const ours = await startServer('ours, TLS', nodeCommand('ours-tls'), 'https');
  started.push(ours);
  const peer = await startServer('node:https', nodeCommand('node-https'), 'https');
  started.push(peer);
  const count = options.quick ? 200 : IDLE_CONNECTIONS;
  const useOnce = async (port: number): Promise<TLSSocket> => {
    const socket = await open(port);
    await ask(socket);
    return socket;
  };
  const rows = [await idleRow(ours, count, useOnce), await idleRow(peer, count, useOnce)];
  for (const resumed of [false, true]) rows.push(...(await handshakeRows([ours, peer], resumed, options)));
  for (const size of SIZES) {
    const measured = await measureCpu([ours, peer], size, load, options);
    const value = measured.best(ours.name) / measured.best(peer.name);
    rows.push(...measured.rows, { what: `ours ÷ node:https, ${size.name}`, value, unit: '×' });
  }
  return rows;
}

function open(port: number, session?: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ...(session && { session }) });
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve(socket));
  });
}

async function handshakeRows(servers: readonly Server[], resumed: boolean, options: BenchOptions): Promise<BenchRow[]> {
  const kind = resumed ? 'resumed' : 'new';
  const rounds = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
  const count = options.quick ? 200 : HANDSHAKES;
  for (const server of servers) await shakeHands(server, 200, resumed);
  for (let round = 0; round < options.rounds; round++) {
    for (const server of servers) rounds.get(server.name)!.push(await shakeHands(server, count, resumed));
    options.progress(`handshakes, ${kind}: round ${round + 1} of ${options.rounds}`);
  }
  return servers.map(({ name }) => {
    const all = rounds.get(name)!;
    const value = Math.min(...all);
    return {
      what: `${name}, ${kind} handshake and one request`,
      value,
      unit: 'µs CPU',
      note: `rounds ${all.map((us) => us.toFixed(0)).join(' ')}; ${Math.round(1_000_000 / value)} a second on one core`,
    };
  });
}

/** @returns the server's CPU for each. */
async function shakeHands(server: Server, count: number, resumed: boolean): Promise<number> {
  const session = resumed ? await sessionOf(server) : undefined;
  let begun = 0;
  const before = cpuUs(server);
  const one = async (): Promise<void> => {
    while (begun++ < count) {
      const socket = await open(server.port, session);
      if (socket.isSessionReused() !== resumed)
        throw new Error(`${server.name}: the session was not what was asked for`);
      await ask(socket);
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, one));
  return (cpuUs(server) - before) / count;
}

async function sessionOf(server: Server): Promise<Buffer> {
  const socket = await open(server.port);
  const [session] = (await once(socket, 'session')) as [Buffer];
  socket.destroy();
  return session;
}
