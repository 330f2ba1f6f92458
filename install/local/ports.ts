/** Looks whether the ports are free before anything is started, so that the message is immediate and names the option. */
import { createServer } from 'node:net';

/** A port that another program holds, or that this user may not take. */
export class PortTaken extends Error {}

/**
 * Binds and releases each port on 127.0.0.1. A plain bind fails even beside a program that shares its port. Throws
 * PortTaken for the first that is not free. Port 0 is always free.
 */
export async function probePorts(ports: { option: string; port: number }[]): Promise<void> {
  for (const { option, port } of ports) {
    const code = await bindError(port);
    if (code === undefined) continue;
    const why = code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${code})`;
    throw new PortTaken(`port ${port} ${why}: choose another with ${option}, for example ${option} ${otherPort(port)}`);
  }
}

function otherPort(port: number): number {
  return port < 1024 || port > 55_000 ? 17_440 : port + 10_000;
}

function bindError(port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
