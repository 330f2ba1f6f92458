/**
 * Ports for servers that must know theirs beforehand and keep it over a restart. They are taken from below the range
 * that the system gives to outgoing connections, so that no client gets the port of a server that is down just now.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const [portMin, portMax] = [12_000, 32_000];
const triesMax = 1000;
const given = new Set<number>();

/** Ports on which nothing listens on loopback now, never the same twice in one process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries > triesMax) throw new Error(`no free port between ${portMin} and ${portMax} in ${triesMax} tries`);
    const port = randomInt(portMin, portMax);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
