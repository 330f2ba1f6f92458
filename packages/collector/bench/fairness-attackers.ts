/**
 * Who the fairness bench sets upon a port: one client at fifty times its limit, idle connections, and slowhttptest's
 * three. Owns their sizes and their ends: each goes on for as long as it is told, and then is gone. All run at the lowest
 * priority, since the machine's cores are shared and what is asked is what the collector does to the others.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type LoadResult, LOW_PRIORITY, runLoad } from '../../../test/bench/load/load.ts';
import { debianProgram } from '../../../test/services/debian.ts';

export const GREEDY_PER_SECOND = 5000;
const GREEDY_CONNECTIONS = 16;
const IDLE_CONNECTIONS = 2000;
const SLOW_CONNECTIONS = 500;
/** Connections made at once. */
const OPENING = 100;

/** What the greedy client was told, for the account of points; undefined of all others. */
export type Attack = (port: number, seconds: number) => Promise<LoadResult | undefined>;

const greedy: Attack = (port, seconds) =>
  runLoad({
    port,
    connections: GREEDY_CONNECTIONS,
    rate: GREEDY_PER_SECOND,
    seconds,
    warmupSeconds: 0,
    client: 'greedy',
    niced: true,
  });

/** Each asks once, so that it is a client that could be an agent between two batches. */
const idle: Attack = async (port, seconds) => {
  const sockets: Socket[] = [];
  const open = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1').on('error', () => socket.destroy());
    sockets.push(socket);
    await once(socket, 'connect');
    socket.resume();
    socket.write('GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n');
  };
  const ends = performance.now() + seconds * 1000;
  while (sockets.length < IDLE_CONNECTIONS) await Promise.all(Array.from({ length: OPENING }, open));
  await new Promise((resolve) => setTimeout(resolve, ends - performance.now()));
  for (const socket of sockets) socket.destroy();
  return undefined;
};

/** slowhttptest has no option for headers: what follows a line end in one that it has becomes the next header. */
const AS_CLIENT = 'application/json\r\nClient-Id: slow';

const SLOW = {
  /** A line more of the head every second. */
  heads: ['-H', '-i', '1', '-x', '24'],
  /** A few bytes more of the body every second. */
  bodies: ['-B', '-i', '1', '-x', '24', '-s', '65536', '-f', 'application/x-protobuf', '-m', AS_CLIENT],
  /** A receive window of some bytes, and five bytes read a second. */
  reads: ['-X', '-w', '10', '-y', '20', '-n', '1', '-z', '5', '-k', '10'],
} as const;

function slow(mode: keyof typeof SLOW): Attack {
  return async (port, seconds) => {
    const { command, env } = await debianProgram({ name: 'slowhttptest', pkg: 'slowhttptest' });
    const count = ['-c', String(SLOW_CONNECTIONS), '-r', String(SLOW_CONNECTIONS)];
    const where = ['-u', `http://127.0.0.1:${port}/v1/batches`, '-l', String(Math.ceil(seconds)), '-p', '1'];
    const [low, ...before] = LOW_PRIORITY;
    const child = spawn(low, [...before, command, ...SLOW[mode], ...count, ...where], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`slowhttptest ${SLOW[mode][0]} ended with ${code}`);
    return undefined;
  };
}

const single = {
  'one client at 50× its limit': greedy,
  '2,000 idle connections': idle,
  '500 slow heads': slow('heads'),
  '500 slow bodies': slow('bodies'),
  '500 slow readers': slow('reads'),
} satisfies Record<string, Attack>;

export const ATTACKS: Record<string, Attack> = {
  ...single,
  'all of them together': async (port, seconds) => {
    const all = await Promise.all(Object.values(single).map((attack) => attack(port, seconds)));
    return all.find((result) => result !== undefined);
  },
};
